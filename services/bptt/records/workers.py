"""Workers, and the queue they serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bptt.lifecycle import Status


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One worker process."""

    worker_id: str
    host: str
    pid: int
    slots: int
    busy: int = 0
    """Slots that train; filled in by listings."""
    version: str
    beat_at: float = 0.0
    draining: bool = False
    trouble: str = ""
    """Why it begins nothing; empty: nothing keeps it."""
    ship_trouble: str = ""
    """Why it sends nothing to MLflow; empty: nothing keeps it."""

    @property
    def takes_runs(self) -> bool:
        """Whether its free slots begin what is queued."""
        return not self.draining and not self.trouble


@dataclass(frozen=True, kw_only=True)
class WorkerProcess(Worker):
    """A worker with what tells its process from every other one, which is not listed."""

    boot_id: str
    pid_started: float
    """Start time of the process, which tells it from a later one with the same pid."""


@dataclass(frozen=True, kw_only=True)
class QueueStatus:
    """Where the queue stands as a whole."""

    counts: Mapping[Status, int]
    claimable: int
    """Queued runs that a free slot could begin right now."""
    workers: Sequence[Worker]
    """Those that have been heard of within one lease."""
