"""A grid's answer: its configurations, compared over their seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Standing = Literal["best so far", "may be best", "worse", ""]
BEST: Final = "best so far"
MAY_BE: Final = "may be best"
WORSE: Final = "worse"
UNRANKED: Final = ""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    estimate: float
    low: float | None
    """Null: one or two observations say nothing about their spread, nor do any that are equal."""
    high: float | None
    n: int


@dataclass(frozen=True)
class GridCompared:
    """One of the grids that a comparison is of."""

    grid_id: str
    grid: str
    """Its name."""
    user: str
    """Whose it is."""
    points: int
    """That it has in the comparison, of all problems."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """One configuration over its seeds."""

    config: str
    values: Mapping[str, Any]
    """Its value on each axis, by the axis' path; those in which its points differ are left out."""
    points: int
    grids: Mapping[str, int] = field(default_factory=dict)
    """How many of them each grid has, by its id; a point of several grids counts in each."""
    counts: Mapping[str, int]
    """Points by what became of them: solved, finished, time_limit, diverged, failed, ..."""
    metrics: Mapping[str, Interval | None]
    """Each metric over the seeds that have it; null if none has."""
    value: Interval | None
    """The first of the metrics, which decides the order: the mean of its own runs, diverged ones
    counted. Where not all have the same seeds, the order is that of `lead`."""
    survivors: Interval | None
    """The same without the runs that diverged."""
    diverged: int
    """Runs that diverged."""
    counted_as: float | None
    """What each of them counts as in `value`; null: nothing."""
    solved: Interval | None
    """Share of the ended runs that met the task's rule at an evaluation; a diverged one did not."""
    slope: Interval | None
    """Slope of log10 of the gradient's norm over the lag, of all layers together."""
    learned: bool | None
    """Whether the mean is better than the baseline, throughout its 95 % interval: that of what
    decides, or of the task's own metric where that has no baseline or is a best value. False says
    nothing of single runs: see `solved`. Null: there are too few seeds, or there is no baseline."""
    tuned_to: str | None = None
    """The values of the tuned axes that it took, on seeds that are not among these."""
    standing: Standing = UNRANKED
    """`may be best`: it cannot be told from the best so far; `worse`: it can; empty: it is not
    ranked. The order among the worse ones is not tested."""
    median: float | None = None
    """Median of the time to solve over all runs, each followed to its own end, where that decides;
    null: half of them or more did not solve it."""
    unsolved_until: float | None = None
    """The most updates that a run of it made, where the time to solve decides: no more is known of
    those that did not solve it."""
    at_first_evaluation: bool = False
    """Whether every run had solved the task at its first evaluation: `value` is the most that it
    took, and has no interval."""
    slope_mixed: bool = False
    """Whether, in any run, single losses that are traced back differ in the sign of their slope."""
    tested: Mapping[str, Interval | None] = field(default_factory=dict)
    """The task's own metric with each of `Comparison.tested`, at the end of training; diverged runs
    count as in `value`."""
    layer_slopes: Mapping[str, Interval] = field(default_factory=dict)
    """Slope of each layer's cell alone, `0`, `1`, `0_backward`, where there are several."""
    lead: Interval | None = None
    """How far the first group is ahead of it, over the seeds that both have, in pairs of one seed;
    where `ratio`, how many times as much it needs, and 1 takes the place of 0. At least 0 if the
    first is the best so far; below 0 this one is ahead of it, and nobody is. The intervals of all
    leads of a table hold together; one that excludes 0 is the same as `worse`. It has none where it
    would have no width, where no run has a value of its own, where runs are live, or where fewer
    than three seeds are common. Null: it is the first, is not ranked, or none is. `n`: seeds that
    both have."""
    too_few: str = ""
    """Why the lead has no interval, or is null, where too few seeds are common: `no common seed`,
    `2 common seeds`."""


@dataclass(frozen=True)
class Lacking:
    """A point that has no value of its own, and why."""

    run_id: str
    config: str
    seed: int
    outcome: str
    why: str
    grids: Sequence[str] = ()
    """Ids of the grids that it is a point of."""


@dataclass(frozen=True)
class BestRun:
    """The run with the best value."""

    run_id: str
    config: str
    seed: int
    value: float
    others: int = 0
    """Further runs that have the same value."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The answer of a grid, or several, for one problem: a task with one set of its options.

    The last one of several problems is over all of them.
    """

    grid_id: str = ""
    """Of the grid; empty if there are several."""
    grid: str = ""
    """Its name; empty if there are several."""
    user: str = ""
    """Whose it is; empty if there are several."""
    grids: Sequence[GridCompared] = ()
    """All of them, as they were asked for."""
    task: str
    problem: str = ""
    """The options of the task that make it another problem than the grid's others."""
    common: str = ""
    """What all of its configurations have and those of other grids or problems do not: `layers=2`;
    names leave it out."""
    problems: int = 1
    """How many problems it is over; of several, only ranks within each are compared."""
    metric: str
    """The one that determines the order; empty: no run has a result that names it."""
    metrics: Sequence[str]
    better: str
    """`higher` or `lower`; empty: neither, or no run has a result, and the order is the file's."""
    task_metric: str
    """The metric that decides by the task itself."""
    ratio: bool = False
    """Whether values are compared by their ratio; means are geometric then."""
    budget: int | None = None
    """Updates after which a run counts as unsolved, where the time to solve decides: it counts as
    twice as many. The smallest of the problem's budgets."""
    baseline: float | None
    """What the best answer without memory achieves, if the task's own metric decides."""
    by: Sequence[str]
    """Axes that distinguish the configurations; all others are averaged over."""
    points: int
    ended: int
    """Points with a result, divergence included."""
    live: int = 0
    """Points whose run has not ended. While there are any, nothing is said to be worse, and leads
    have no interval: each look would be one more test."""
    tested: Sequence[str] = ()
    """Further options of the task that the runs were measured with at their end, `length=256`."""
    groups: Sequence[Group]
    """The best first; those without a rank last."""
    lacking: Sequence[Lacking]
    """Every point that has no value of its own."""
    best_run: BestRun | None
    verdict: str
    """What the table says, and the command that would make it say more."""
    notes: Sequence[str]
    """The procedure and its power, and what else a reader has to know."""

    @property
    def title(self) -> str:
        """The task and its options that make it another problem; or over how many it is."""
        return f"task {self.task} {self.problem}".rstrip() if self.task else self.problem
