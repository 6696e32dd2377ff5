"""What the application answers about the queue as a whole."""

from collections.abc import Mapping, Sequence

from bptt.api.answers import Answer
from bptt.lifecycle import Status


class Worker(Answer):
    """One worker process."""

    worker_id: str
    host: str
    pid: int
    slots: int
    busy: int
    version: str
    beat_at: float
    draining: bool
    trouble: str = ""
    """Why it begins nothing; empty: nothing keeps it."""
    ship_trouble: str = ""
    """Why it sends nothing to MLflow; empty: nothing keeps it."""


class Arrears(Answer):
    """What has ended and is not, or not wholly, in MLflow."""

    pending: int = 0
    """Runs that are sent as soon as that is possible."""
    damaged: int = 0
    """Runs that cannot be sent, for a reason of their own."""
    such_as: Sequence[tuple[str, str]] = ()
    """Some of those: id and reason."""


class Queue(Answer):
    """Where the queue stands as a whole."""

    counts: Mapping[Status, int]
    claimable: int
    workers: Sequence[Worker]
    arrears: Arrears = Arrears()
    disk: str = ""
    """Why the disk of the machine that answers takes no run; empty: it has room."""
