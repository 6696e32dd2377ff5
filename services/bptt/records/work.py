"""How much there is to do, and how long things were measured to take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class RunWork(NamedTuple):
    """A run in training, as far as its remaining time depends on it."""

    work: float
    """Of the whole run, by the model of `run_file.cost`; see `plan.work_of` for its unit."""
    step: int
    steps: int
    step_seconds: float | None
    """Mean wall time of one update so far; None before it is known."""


@dataclass(frozen=True)
class GridWork:
    """How much of a grid is done, and how fast it was."""

    total_work: float
    """Of all points."""
    done_work: float
    """Of the points whose run has ended in any way, or was deleted."""
    running: Sequence[RunWork]
    waiting: int
    """Runs that have not begun."""
    measured: "Measured"
    """What the runs of this grid that succeeded took."""


@dataclass(frozen=True)
class Measured:
    """Runs that succeeded, and the time of their updates; solved runs did not do all of them."""

    seconds: float = 0.0
    """Wall time of the updates that were done, including what happens between them."""
    work: float = 0.0
    """Of these updates, by the model."""
    whole_work: float = 0.0
    """Of the same runs, had they done all of their updates."""
    runs: int = 0


class MeasuredRun(NamedTuple):
    """One of them."""

    cell: str
    cost_key: str
    seconds: float
    work: float
    """Of the updates it did."""
