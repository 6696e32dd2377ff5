"""What holds up runs or their results, as far as this machine can see."""

from bptt import store
from bptt.api.service import Service
from bptt.records.workers import QueueStatus
from bptt.settings import Settings
from bptt.worker.disk_space import trouble_of

NAMED = 3
"""Runs of one grid that cannot be sent."""


def disk_trouble(settings: Settings) -> str:
    """Return why no run can be written here; empty if there is room.

    A worker records the same in the database, if that is on a disk with room.
    """
    return trouble_of(settings.runs) or trouble_of(settings.home)


def troubles_of(service: Service, queue: QueueStatus, grid_id: str) -> list[str]:
    """Return what holds up a grid, or keeps its results from MLflow, one line each."""
    found = [worker.trouble for worker in queue.workers if worker.trouble]
    arrears = store.arrears(service.database, grid_id, NAMED)
    if arrears.pending:
        found += [
            f"nothing is sent to MLflow: {w.ship_trouble}" for w in queue.workers if w.ship_trouble
        ]
    found += [why for _, why in arrears.such_as]
    if arrears.damaged > NAMED:
        found.append(f"{arrears.damaged - NAMED:,} more runs cannot be sent to MLflow")
    disk = disk_trouble(service.settings)
    return list(dict.fromkeys([*([disk] if disk else []), *found]))
