"""How a request that only reads may refer to grids and runs: see `store.naming`."""

from typing import Annotated

from fastapi import Depends

from bptt import store
from bptt.api.asking import Reader
from bptt.api.parameters import InPath, SeveralInQuery
from bptt.api.service import Shared
from bptt.errors import InvalidSpec


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


def named_grids(grid: SeveralInQuery, service: Shared, reader: Reader) -> list[str]:
    """Return the ids of the grids that a query names.

    Raises:
        GridNotFound: there is none of a name, or several could be meant.
        InvalidSpec: one is named twice.
    """
    found = [store.find(service.database, one, kind="grid", asker=reader) for one in grid]
    for number, one in enumerate(found):
        if any(one.id == other.id for other in found[:number]):
            raise InvalidSpec(
                [
                    f"The grid {one.name} ({one.id}) is given twice: give each grid once. A name "
                    "means your newest grid of that name; bptt grids lists them all with their ids."
                ]
            )
    return [one.id for one in found]


NamedGrid = Annotated[str, Depends(named_grid)]
NamedGrids = Annotated[list[str], Depends(named_grids)]
NamedRun = Annotated[store.Meaning, Depends(named_run)]
