"""Routes of the queue as a whole."""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from bptt import __version__, store
from bptt.api.answers import Found, Health
from bptt.api.queue_answers import Arrears, Queue
from bptt.api.routing import new_router
from bptt.api.service import Shared
from bptt.api.troubles import disk_trouble
from bptt.errors import GridNotFound, RunNotFound

router = new_router("queue")
health_router = new_router("queue")
"""Open to everybody."""

Kind = Literal["grid", "run"]
FIND: Mapping[Kind, Callable[[store.Database, str], str]] = {
    "grid": store.find_grid,
    "run": store.find_run,
}
LIKE_A_RUN = re.compile(r"[2-9a-z]{5}-")


@health_router.get("/health")
async def health() -> Health:
    """Who answers here."""
    return Health(version=__version__)


@router.get("/queue")
def queue(service: Shared) -> Queue:
    """Runs by status, and the workers that are up."""
    status = Queue.model_validate(store.queue_status(service.database))
    arrears = Arrears.model_validate(store.arrears(service.database))
    return status.model_copy(update={"arrears": arrears, "disk": disk_trouble(service.settings)})


@router.get("/find")
def find(text: str, service: Shared, kind: Kind | None = None) -> Found:
    """What an id, its beginning or a grid's name stands for."""
    kinds: list[Kind] = ["run", "grid"] if LIKE_A_RUN.match(text) else ["grid", "run"]
    if kind is not None:
        kinds = [kind]
    first: GridNotFound | RunNotFound | None = None
    for candidate in kinds:
        try:
            return Found(kind=candidate, id=FIND[candidate](service.database, text))
        except (GridNotFound, RunNotFound) as error:
            first = first or error
    assert first is not None
    raise first
