"""A grid's answer: its configurations, compared over their seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    estimate: float
    low: float | None
    """Null: one observation says nothing about its spread."""
    high: float | None
    n: int


@dataclass(frozen=True)
class Group:
    """One configuration over its seeds."""

    config: str
    points: int
    counts: Mapping[str, int]
    """Points by what became of them: solved, finished, time_limit, diverged, failed, ..."""
    metrics: Mapping[str, Interval | None]
    """Each metric over the runs that have it; null if no run has."""
    value: Interval | None
    """The first of the metrics, which decides the order."""
    solved: Interval | None
    """Share of the ended runs that met the task's rule at an evaluation; a diverged one did not."""
    slope: Interval | None
    """Slope of log10 of the gradient's norm over the lag."""
    rank: int | None = None
    """1 for the best and all that tie with it; null: it cannot be ranked."""
    tied: bool = False
    """Indistinguishable from the best."""
    difference: Interval | None = None
    """From the best, paired by seed."""


@dataclass(frozen=True)
class Lacking:
    """A point that has no value, and why."""

    run_id: str
    config: str
    seed: int
    outcome: str
    why: str


@dataclass(frozen=True)
class BestRun:
    """The run with the best value."""

    run_id: str
    config: str
    seed: int
    value: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A grid's answer so far, for one task."""

    grid_id: str = ""
    grid: str = ""
    """Its name."""
    user: str = ""
    """Whose it is."""
    task: str
    metric: str
    """The one that determines the order."""
    metrics: Sequence[str]
    better: str
    """`higher` or `lower`; empty: unknown, and the order is that of the file."""
    baseline: float | None
    """What the best answer without memory achieves, if the task's own metric decides."""
    by: Sequence[str]
    """Axes that distinguish the configurations; all others are averaged over."""
    points: int
    ended: int
    """Points with a result, divergence included."""
    groups: Sequence[Group]
    """The best first; those without a rank last."""
    lacking: Sequence[Lacking]
    """Every point that has no value."""
    best_run: BestRun | None

    @property
    def best(self) -> list[Group]:
        """The best configuration and all that tie with it."""
        return [group for group in self.groups if group.rank == 1]
