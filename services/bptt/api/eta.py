"""How much longer runs take, shared among slots."""

import math
from collections.abc import Sequence

from bptt.api.pace import START
from bptt.records.work import RunWork
from bptt.store.plan import REFERENCE_SPEED

PRIOR_OF_RUN = 0.3
"""Weight of the model, in seconds, against the run's own measured time."""


def seconds_left(
    waiting_seconds: float, waiting: int, underway: Sequence[RunWork], pace: float, slots: int
) -> float | None:
    """Return the estimated wall time until everything is done.

    Args:
        waiting_seconds: total time of the runs that have not begun.
        waiting: how many these are.
        underway: runs that have begun.
        pace: seconds for one of the model's.
        slots: how many runs can be trained at once.

    Returns:
        None if there is work and no slot.
    """
    left = [_left(run, pace) for run in underway]
    if not waiting and not left:
        return 0.0
    if slots < 1:
        return None
    total = sum(left) + waiting_seconds
    # the longest run cannot be shared out, and the last round may be a lonely one
    mean = waiting_seconds / waiting if waiting else 0.0
    rounds = math.ceil(waiting / slots) * mean if not left else 0.0
    return max([total / slots, rounds, *left])


def _left(run: RunWork, pace: float) -> float:
    modelled = run.work / REFERENCE_SPEED * pace
    if not run.step_seconds or not run.step:
        return START + modelled
    # the first updates say little yet
    update, measured = modelled / run.steps, run.step_seconds * run.step
    corrected = update * (measured + PRIOR_OF_RUN) / (update * run.step + PRIOR_OF_RUN)
    return max(run.steps - run.step, 0) * corrected
