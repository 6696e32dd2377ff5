"""How much there is to do, and what was measured to take how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class RunWork(NamedTuple):
    """A run that is being trained, as far as its remaining time depends on it."""

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
    """Of the points whose run has ended, whatever became of it, or was deleted."""
    running: Sequence[RunWork]
    waiting: int
    """Runs that have not begun."""
    measured: "Measured"
    """What the runs of this grid that succeeded took."""


@dataclass(frozen=True)
class Measured:
    """Runs that succeeded, and what their updates took; a run that was solved did not do all."""

    seconds: float = 0.0
    """Wall time of the updates that were done, with what is done between them."""
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
