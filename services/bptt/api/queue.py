"""Routes of the queue as a whole."""

from bptt import __version__, store
from bptt.api.answers import Health
from bptt.api.asking import Reader
from bptt.api.parameters import InQuery
from bptt.api.queue_answers import Queue
from bptt.api.routing import new_router
from bptt.api.service import Shared
from bptt.api.troubles import disk_trouble
from bptt.records.naming import Found, FoundKind

router = new_router("queue")
health_router = new_router("queue")
"""Open to everybody."""


@health_router.get("/health")
async def health() -> Health:
    """Who answers here."""
    return Health(version=__version__)


@router.get("/queue")
def queue(service: Shared) -> Queue:
    """Runs by status, and the workers that are up."""
    status = store.queue_status(service.database)
    return Queue(
        counts=status.counts,
        claimable=status.claimable,
        workers=status.workers,
        arrears=store.arrears(service.database),
        disk=disk_trouble(service.settings),
    )


@router.get("/find")
def find(
    text: InQuery,
    service: Shared,
    reader: Reader,
    kind: FoundKind | None = None,
    change: bool = False,
) -> Found:
    """What an id, a prefix of one, a grid's name or `user/name`, or a point's `latch/0` refers to.

    With `change`, only what is unambiguous: no prefix, no name that several of one's grids share,
    and no point that a run of another grid serves.
    """
    return store.find(service.database, text, kind=kind, asker=reader, change=change)
