"""`WorkerContext`: what all threads of a worker share."""

import threading
from dataclasses import dataclass, field

from bptt.host import physical_memory
from bptt.settings import Settings
from bptt.store import Database
from bptt.worker.disk_space import DiskSpace
from bptt.worker.lease import LeaseKeeper
from bptt.worker.preloaded import Preloaded
from bptt.worker.slots import Slots


@dataclass(frozen=True)
class WorkerContext:
    """One worker: who it is, what it uses and whether it is about to end."""

    settings: Settings
    database: Database
    worker_id: str
    slots: Slots
    keeper: LeaseKeeper
    disk: DiskSpace
    preloaded: Preloaded
    wake: threading.Event
    """Set to make the tick check at once whether a slot could work."""
    draining: threading.Event = field(default_factory=threading.Event)
    """Nothing more is claimed, and running work is saved and given back."""
    killing: threading.Event = field(default_factory=threading.Event)
    """Whatever is still training is killed and given back."""
    leaving: threading.Event = field(default_factory=threading.Event)
    """The process ends now, even if the database has not been told everything."""

    @property
    def lease(self) -> float:
        """Seconds."""
        return self.settings.lease_seconds

    def gpu(self, slot: int) -> str:
        """Return the UUID of the GPU that a slot's runs may see; empty: none."""
        uuids = [uuid.strip() for uuid in self.settings.gpus.split(",") if uuid.strip()]
        return uuids[slot % len(uuids)] if uuids else ""

    def memory_bytes(self) -> int:
        """Return how much memory one run may take."""
        if self.settings.run_memory_mb:
            return self.settings.run_memory_mb * 2**20
        return physical_memory() // self.slots.count
