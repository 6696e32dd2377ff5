"""Times of grids: what was measured, put into the estimate."""

import os

from bptt import store
from bptt.api.eta import Underway, seconds_left
from bptt.api.service import Service
from bptt.store.records import GridWork, QueueStatus

GRIDS_ASKED = 5
"""Latest grids whose speed stands in for that of a new one."""


def slots_of(queue: QueueStatus) -> int:
    """Return the slots of all workers that take new runs."""
    return sum(worker.slots for worker in queue.workers if worker.takes_runs)


def expected_slots(service: Service, queue: QueueStatus) -> int:
    """Return the slots of the workers; if none is up, those that `bptt up` would start here."""
    return slots_of(queue) or service.settings.slots or os.cpu_count() or 1


def seconds_for(service: Service, work: float, slots: int, points: int) -> float | None:
    """Return how long runs of so much work take that nobody has begun, if anything tells."""
    pace = measured_pace(service)
    return seconds_left(work, [], pace, min(slots, points)) if points else 0.0


def measured_pace(service: Service) -> float | None:
    """Return the seconds per floating point operation of the fastest of the latest grids.

    What a run costs besides its operations makes small runs look slow, and none too fast.
    """
    latest = store.list_grids(service.database, limit=GRIDS_ASKED)
    paces = [store.grid_work(service.database, g.grid_id).seconds_per_flop for g in latest]
    return min((pace for pace in paces if pace is not None), default=None)


def grid_seconds(service: Service, work: GridWork, queue: QueueStatus) -> float | None:
    """Return how long a grid takes still, with the slots it has and those that are free."""
    underway = [Underway(*run) for run in work.running]
    waiting = work.total_work - work.done_work - sum(run.work for run in underway)
    busy = sum(worker.busy for worker in queue.workers)
    slots = len(underway) + max(slots_of(queue) - busy, 0)
    pace = work.seconds_per_flop
    if pace is None and not any(run.step_seconds for run in underway):
        pace = measured_pace(service)
    return seconds_left(max(waiting, 0.0), underway, pace, slots)


def why_unknown(work: GridWork, queue: QueueStatus, held: bool) -> str:
    """Say why there is no estimate of a grid, all of which may be held."""
    if held and not work.running:
        return "until bptt release"
    if not queue.workers:
        return "no worker is up: start one with bptt up -d"
    if not work.running and sum(worker.busy for worker in queue.workers) >= slots_of(queue):
        return "no slot is free yet"
    return "nothing has been measured yet"
