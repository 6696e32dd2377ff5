"""What the application answers about a grid as a whole."""

from collections.abc import Mapping, Sequence

from bptt.api.answers import Answer


class Interval(Answer):
    """An estimate and its 95 % interval."""

    estimate: float
    low: float | None
    """Null: one observation says nothing about its spread."""
    high: float | None
    n: int


class Group(Answer):
    """One configuration over its seeds."""

    config: str
    points: int
    counts: Mapping[str, int]
    metrics: Mapping[str, Interval | None]
    value: Interval | None
    """The metric that decides the order."""
    solved: Interval | None
    slope: Interval | None
    rank: int | None
    tied: bool
    difference: Interval | None
    """From the best, paired by seed."""


class Lacking(Answer):
    """A point that has no value, and why."""

    run_id: str
    config: str
    seed: int
    outcome: str
    why: str


class BestRun(Answer):
    """The run with the best value."""

    run_id: str
    config: str
    seed: int
    value: float


class Comparison(Answer):
    """A grid's answer so far, for one task."""

    grid_id: str = ""
    grid: str = ""
    """Its name."""
    user: str = ""
    """Whose it is."""
    task: str
    metric: str
    metrics: Sequence[str]
    better: str
    baseline: float | None
    by: Sequence[str]
    points: int
    ended: int
    groups: Sequence[Group]
    lacking: Sequence[Lacking]
    best_run: BestRun | None


class Picture(Answer):
    """One picture and what it shows."""

    name: str
    caption: str
    base64: str


class Report(Answer):
    """A grid's answer as a page."""

    html: str
