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
    """Why it starts nothing; empty: it is not prevented."""
    ship_trouble: str = ""
    """Why it sends nothing to MLflow; empty: it is not prevented."""

    @property
    def takes_runs(self) -> bool:
        """Whether its free slots start what is queued."""
        return not self.draining and not self.trouble


@dataclass(frozen=True, kw_only=True)
class WorkerProcess(Worker):
    """A worker with what distinguishes its process from every other one, which is not listed."""

    boot_id: str
    pid_started: float
    """Start time of the process, which distinguishes it from a later one with the same pid."""


@dataclass(frozen=True, kw_only=True)
class QueueStatus:
    """The state of the queue as a whole."""

    counts: Mapping[Status, int]
    claimable: int
    """Queued runs that a free slot could start right now."""
    workers: Sequence[Worker]
    """Those that gave a sign of life within one lease."""
