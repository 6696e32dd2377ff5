"""`compare`: one row per configuration of a grid, over its seeds; missing values are listed."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bptt.comparison.axes import axes_of, find_axes, label, partner
from bptt.comparison.difference import (
    Key,
    is_tie,
    mean_by_key,
    over_seeds,
    paired_difference,
)
from bptt.comparison.interval import Interval, rate_interval
from bptt.comparison.metrics import Measure, deciding_metric, find_metrics, names_of
from bptt.comparison.point import RESULTS, Point
from bptt.measuring.table import SLOPE


@dataclass(frozen=True)
class Group:
    """One configuration over its seeds."""

    config: str
    points: int
    counts: Mapping[str, int]
    """Points by what became of them: solved, finished, time_limit, diverged, failed, ..."""
    valued: int
    """Points with a value."""
    metrics: Mapping[str, Interval | None]
    """Each metric over the runs that have it; None if no run has."""
    value: Interval | None
    """The first of the metrics, which decides the order."""
    solved: Interval | None
    """Share of the ended runs that met the task's rule at an evaluation; a diverged one did not."""
    slope: Interval | None
    """Slope of log10 of the gradient's norm over the lag."""
    rank: int | None = None
    """1 for the best and all that tie with it; None: it cannot be ranked."""
    tied: bool = False
    """Indistinguishable from the best."""
    difference: Interval | None = None
    """From the best, over common seeds."""


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


@dataclass(frozen=True)
class Comparison:
    """A grid's answer so far, for one task."""

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
    groups: Sequence[Group]
    """The best first; those without a rank last."""
    lacking: Sequence[Lacking] = field(default=())
    """Every point that has no value."""
    best_run: BestRun | None = None

    @property
    def points(self) -> int:
        return sum(group.points for group in self.groups)

    @property
    def ended(self) -> int:
        """Points with a result, divergence included."""
        return sum(group.counts.get(name, 0) for group in self.groups for name in RESULTS)

    @property
    def best(self) -> list[Group]:
        """The best configuration and all that tie with it."""
        return [group for group in self.groups if group.rank == 1]


def compare(
    points: Sequence[Point], by: Sequence[str] = (), metrics: Sequence[str] = ()
) -> list[Comparison]:
    """Return the comparison of a grid's points for each of its tasks.

    A diverged run has an outcome but no value.

    Args:
        points: all of the grid's.
        by: axes that distinguish configurations, in full or by their last word; none: all but
            the seed.
        metrics: names, in full (`eval/loss`) or by their last word; none: the deciding metric of
            the task. The first one determines the order.

    Raises:
        InvalidSpec: an axis or a metric that this grid does not have.
    """
    axes = find_axes(by, axes_of(points))
    by_task: dict[str, list[Point]] = {}
    for point in points:
        by_task.setdefault(point.task, []).append(point)
    known = names_of(points)
    return [_compare(task, held, axes, metrics, known) for task, held in by_task.items()]


def _compare(
    task: str,
    points: Sequence[Point],
    by: Sequence[str],
    asked: Sequence[str],
    known: Sequence[str],
) -> Comparison:
    # what only another task has is shown for that one
    measures = find_metrics(asked, points, known) or [deciding_metric(points)]
    first = measures[0]
    by_config: dict[str, list[Point]] = {}
    for point in points:
        by_config.setdefault(label(point, by), []).append(point)
    groups = [_group(config, held, measures) for config, held in by_config.items()]
    values = {config: _values(held, by, first.name) for config, held in by_config.items()}
    return Comparison(
        task=task,
        metric=first.short,
        metrics=[measure.short for measure in measures],
        better=first.better,
        baseline=first.baseline,
        by=by,
        groups=_ranked(groups, values, first.better),
        lacking=_lacking(points, by, first.name),
        best_run=_best_run(points, by, first),
    )


def _group(config: str, points: Sequence[Point], measures: Sequence[Measure]) -> Group:
    counts = Counter(point.outcome for point in points)
    figures = [(point.seed, point.figures) for point in points]
    found = {measure.short: _mean(figures, measure.name) for measure in measures}
    return Group(
        config=config,
        points=len(points),
        counts=dict(counts),
        valued=sum(measures[0].name in figure for _, figure in figures),
        metrics=found,
        value=found[measures[0].short],
        solved=solved_share(points),
        slope=_mean(figures, SLOPE.key),
    )


def solved_share(points: Sequence[Point]) -> Interval | None:
    """Return the share of ended runs that solved the task; None if none has ended.

    Runs with one seed are not independent, so the width of the interval depends on the seeds.
    """
    ended = [point for point in points if point.outcome in RESULTS]
    shares = mean_by_key((point.seed, float(point.solved)) for point in ended)
    return rate_interval(math.fsum(shares.values()), len(shares)) if shares else None


def _mean(figures: Sequence[tuple[int, Mapping[str, float]]], name: str) -> Interval | None:
    found = [(seed, figure[name]) for seed, figure in figures if name in figure]
    return over_seeds(found) if found else None


def _values(points: Sequence[Point], by: Sequence[str], metric: str) -> dict[Key, float]:
    return mean_by_key(
        (partner(point, by), point.figures[metric]) for point in points if metric in point.figures
    )


def _ranked(
    groups: Sequence[Group], values: Mapping[str, Mapping[Key, float]], better: str
) -> list[Group]:
    """Return the groups in their order, each with its rank and its difference from the best."""
    if not better:
        return list(groups)
    sign = -1.0 if better == "higher" else 1.0

    def place(group: Group) -> tuple[bool, bool, float]:
        value = group.value
        return value is None, not _can_lead(group), sign * value.estimate if value else 0.0

    ordered = sorted(groups, key=place)
    best = ordered[0] if ordered and _can_lead(ordered[0]) else None
    ranked = []
    for number, group in enumerate(ordered, 1):
        if best is None or group.value is None:
            ranked.append(group)
            continue
        difference = paired_difference(values[group.config], values[best.config])
        tied = group is not best and _can_lead(group) and is_tie(difference)
        rank = 1 if tied or group is best else number
        ranked.append(
            replace(
                group,
                rank=rank if _can_lead(group) else None,
                tied=tied,
                difference=None if group is best else difference,
            )
        )
    return ranked


def _can_lead(group: Group) -> bool:
    """Say whether a mean represents its configuration: not if most runs have no value."""
    if group.value is None:
        return False
    ended = sum(group.counts.get(name, 0) for name in (*RESULTS, "failed"))
    return 2 * group.valued > ended


def _lacking(points: Sequence[Point], by: Sequence[str], metric: str) -> list[Lacking]:
    return [
        Lacking(
            run_id=point.run_id,
            config=label(point, by),
            seed=point.seed,
            outcome=point.outcome,
            why=point.why_without() or f"has no {metric}",
        )
        for point in points
        if metric not in point.figures
    ]


def _best_run(points: Sequence[Point], by: Sequence[str], measure: Measure) -> BestRun | None:
    found = [(point.figures[measure.name], point) for point in points if _has(point, measure)]
    if not found or not measure.better:
        return None
    choose = max if measure.better == "higher" else min
    value, point = choose(found, key=lambda pair: pair[0])
    return BestRun(point.run_id, label(point, by), point.seed, value)


def _has(point: Point, measure: Measure) -> bool:
    return measure.name in point.figures
