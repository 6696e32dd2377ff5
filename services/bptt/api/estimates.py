"""Times of grids: the model's, at the measured pace, shared among the slots."""

import math
import os
from typing import TYPE_CHECKING

from bptt import store
from bptt.api.answers import Times
from bptt.api.eta import seconds_left
from bptt.api.pace import ENOUGH, PRIOR_OF_CELL, START, Evidence, Pace, evidence
from bptt.api.service import Service
from bptt.records.work import GridWork
from bptt.records.workers import QueueStatus
from bptt.settings import Settings
from bptt.store.plan import REFERENCE_SPEED

if TYPE_CHECKING:
    from bptt.run_file import GridRequest

GRIDS_ASKED, RUNS_ASKED = 5, 60
"""The number of latest grids that show how fast runs are, and of runs taken from each."""
COMPILED = 0.3
"""Seconds to build a kernel that has not been used yet."""
KERNELS_OF_ALL, KERNELS_OF_A_CELL = 2, 2
"""Kernels that every run needs, and that each cell adds: one per number type."""


def slots_of(queue: QueueStatus) -> int:
    """Return the number of slots of all workers that take new runs."""
    return sum(worker.slots for worker in queue.workers if worker.takes_runs)


def expected_slots(settings: Settings, queue: QueueStatus) -> int:
    """Return the number of slots of all workers; if none is up, of a `bptt up` here."""
    return slots_of(queue) or settings.slots or os.cpu_count() or 1


def measured(database: store.Database) -> Evidence:
    """Return how long the latest runs were measured to take."""
    return evidence(store.measured_runs(database, GRIDS_ASKED, RUNS_ASKED))


def times_of(request: "GridRequest", pace: Pace, slots: int, share: float, first: float) -> Times:
    """Return how long a grid that has not begun will take.

    Args:
        request: the grid.
        pace: of runs here.
        slots: that train it.
        share: of its work that remains to be done.
        first: seconds that pass once before the first run can begin.
    """
    total = longest = 0.0
    cells: set[str] = set()
    may_stop = False
    for number, points in request.groups():
        cell, cost = request.cost_of(number)
        seconds = pace.seconds(cell, request.cost_key_of(number), cost)
        total += points * seconds
        longest = max(longest, seconds)
        may_stop = may_stop or cost.may_stop
        cells.add(cell)
    if not share:
        return Times(seconds=0.0, least=0.0, most=0.0)
    points = max(1, round(len(request) * share))
    mean = total / len(request)
    shared = max(points * mean / min(slots, points), math.ceil(points / slots) * mean)
    return spread(first + max(longest, shared), pace.spread(cells), may_stop)


def spread(seconds: float, factor: float, may_stop: bool) -> Times:
    """Return a time with its probable range."""
    return Times(seconds=seconds, least=seconds / factor, most=seconds * factor, may_stop=may_stop)


def seconds_of_kernels(settings: Settings, request: "GridRequest") -> float:
    """Return how long it takes to build the kernels that probably do not exist yet."""
    cells = {request.cost_of(number)[0] for number, _ in request.groups()}
    try:
        there = sum(1 for _ in settings.kernels.glob("*.so"))
    except OSError:
        there = 0
    return COMPILED * max(0, KERNELS_OF_ALL + KERNELS_OF_A_CELL * len(cells) - there)


def grid_times(service: Service, work: GridWork, queue: QueueStatus) -> Times:
    """Return how much longer a grid takes, with the slots it has and those that are free."""
    here, prior = work.measured, Pace(measured(service.database)).of_all
    underway = work.running
    begun = [run for run in underway if run.step_seconds]
    # what this grid's own runs took counts most
    took = here.seconds + sum(run.step * (run.step_seconds or 0.0) for run in begun)
    modelled = (
        here.work + sum(run.work * run.step / max(run.steps, 1) for run in begun)
    ) / REFERENCE_SPEED
    pace = (took + PRIOR_OF_CELL * prior) / (modelled + PRIOR_OF_CELL)
    waiting = work.total_work - work.done_work - sum(run.work for run in underway)
    stops = here.work / here.whole_work if here.runs >= ENOUGH and here.whole_work else 1.0
    seconds = stops * max(waiting, 0.0) / REFERENCE_SPEED * pace + START * work.waiting
    busy = sum(worker.busy for worker in queue.workers)
    slots = len(underway) + max(slots_of(queue) - busy, 0)
    left = seconds_left(seconds, work.waiting, underway, pace, slots)
    if left is None:
        return Times()
    known = Pace(Evidence({"": (took, modelled)}))
    return spread(left, known.spread([""]), may_stop=False)


def why_unknown(work: GridWork, queue: QueueStatus, held: bool) -> str:
    """Say why there is no estimate for a grid, all of whose runs may be held."""
    if held and not work.running:
        return "until bptt release"
    if not queue.workers:
        return "no worker is up: start one with bptt up -d"
    if not slots_of(queue):
        return "no worker takes a run now"
    return "no slot is free yet"
