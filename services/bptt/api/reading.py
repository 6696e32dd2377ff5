"""How a request that only reads may refer to grids and runs: see `store.naming`."""

from typing import Annotated

from fastapi import Depends

from bptt import store
from bptt.api.asking import Reader
from bptt.api.parameters import InPath
from bptt.api.service import Shared


def named_grid(grid: InPath, service: Shared, reader: Reader) -> str:
    """Return the id of the grid that a path names.

    Raises:
        GridNotFound: there is none, or several could be meant.
    """
    return store.find(service.database, grid, kind="grid", asker=reader).id


def named_run(run: InPath, service: Shared, reader: Reader) -> store.Meaning:
    """Return the run that a path names, which may be that of a point.

    Raises:
        RunNotFound: there is none, or several could be meant.
    """
    return store.find(service.database, run, kind="run", asker=reader)


NamedGrid = Annotated[str, Depends(named_grid)]
NamedRun = Annotated[store.Meaning, Depends(named_run)]
