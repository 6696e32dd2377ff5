"""How long a grid will take still: the work that is left, at the speed that was measured."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Underway:
    """A run that is being trained."""

    work: float
    """Floating point operations of the whole run."""
    step: int
    steps: int
    step_seconds: float | None
    """Mean wall time of one update so far; None before the first one."""


def seconds_left(
    waiting_work: float,
    underway: Sequence[Underway],
    seconds_per_flop: float | None,
    slots: int,
) -> float | None:
    """Return the estimated wall time until everything is done.

    Args:
        waiting_work: floating point operations of the runs that have not begun.
        underway: those that have.
        seconds_per_flop: measured on runs that ended; None: only what is underway tells.
        slots: how many runs can be trained at once.

    Returns:
        None if nothing tells how fast a run is, or there is no slot.
    """
    pace = seconds_per_flop if seconds_per_flop is not None else _pace(underway)
    left = [_left(run, pace) for run in underway]
    if slots < 1 or (pace is None and waiting_work > 0) or None in left:
        return None
    known = [seconds for seconds in left if seconds is not None]
    total = sum(known) + waiting_work * (pace or 0.0)
    # the longest run that has begun cannot be shared out
    return max([total / slots, *known])


def _pace(underway: Sequence[Underway]) -> float | None:
    measured = [(run.step_seconds * run.steps, run.work) for run in underway if run.step_seconds]
    work = sum(flops for _, flops in measured)
    return sum(seconds for seconds, _ in measured) / work if work else None


def _left(run: Underway, pace: float | None) -> float | None:
    if run.step_seconds:
        return max(run.steps - run.step, 0) * run.step_seconds
    return None if pace is None else run.work * pace
