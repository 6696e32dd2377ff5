"""What this machine's queue depends on besides the database, for clients on this machine."""

from bptt import store, tracking
from bptt.api.queue_answers import Surroundings
from bptt.api.routing import new_router
from bptt.api.service import Shared
from bptt.errors import BpttError
from bptt.job_queue import check_broker

router = new_router("surroundings")


@router.get("/surroundings")
def surroundings(service: Shared, mlflow: bool) -> Surroundings:
    """Redis and the database, and with `mlflow` what keeps results from being sent there."""
    settings = service.settings
    try:
        database = str(store.open_database(settings.database))
    except BpttError:
        database = ""
    return Surroundings(
        broker=check_broker(settings),
        database=database,
        hindrance=tracking.hindrance(settings) if mlflow else "",
    )
