"""`compare`: one row per configuration of a grid, over its seeds; missing values are listed."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bptt.comparison.axes import axes_of, find_axes, label, partner
from bptt.comparison.difference import (
    Key,
    is_tie,
    mean_by_key,
    over_seeds,
    paired_difference,
)
from bptt.comparison.interval import rate_interval
from bptt.comparison.metrics import Measure, deciding_metric, find_metrics, names_of
from bptt.comparison.point import RESULTS, ComparedPoint
from bptt.measuring.table import SLOPE
from bptt.records.comparison import BestRun, Comparison, Group, Interval, Lacking


def compare(
    points: Sequence[ComparedPoint], by: Sequence[str] = (), metrics: Sequence[str] = ()
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
    by_task: dict[str, list[ComparedPoint]] = {}
    for point in points:
        by_task.setdefault(point.task, []).append(point)
    known = names_of(points)
    return [_compare(task, held, axes, metrics, known) for task, held in by_task.items()]


def _compare(
    task: str,
    points: Sequence[ComparedPoint],
    by: Sequence[str],
    asked: Sequence[str],
    known: Sequence[str],
) -> Comparison:
    # what only another task has is shown for that one
    measures = find_metrics(asked, points, known) or [deciding_metric(points)]
    first = measures[0]
    by_config: dict[str, list[ComparedPoint]] = {}
    for point in points:
        by_config.setdefault(label(point, by), []).append(point)
    groups = [_group(config, held, measures) for config, held in by_config.items()]
    values = {config: _values(held, by, first.name) for config, held in by_config.items()}
    leading = {config for config, held in by_config.items() if _can_lead(held, first.name)}
    return Comparison(
        task=task,
        metric=first.short,
        metrics=[measure.short for measure in measures],
        better=first.better,
        baseline=first.baseline,
        by=by,
        points=len(points),
        ended=sum(point.outcome in RESULTS for point in points),
        groups=_ranked(groups, values, first.better, leading),
        lacking=_lacking(points, by, first.name),
        best_run=_best_run(points, by, first),
    )


def _group(config: str, points: Sequence[ComparedPoint], measures: Sequence[Measure]) -> Group:
    counts = Counter(point.outcome for point in points)
    figures = [(point.seed, point.figures) for point in points]
    found = {measure.short: _mean(figures, measure.name) for measure in measures}
    return Group(
        config=config,
        points=len(points),
        counts=dict(counts),
        metrics=found,
        value=found[measures[0].short],
        solved=solved_share(points),
        slope=_mean(figures, SLOPE.key),
    )


def solved_share(points: Sequence[ComparedPoint]) -> Interval | None:
    """Return the share of ended runs that solved the task; None if none has ended.

    Runs with one seed are not independent, so the width of the interval depends on the seeds.
    """
    ended = [point for point in points if point.outcome in RESULTS]
    shares = mean_by_key((point.seed, float(point.solved)) for point in ended)
    return rate_interval(math.fsum(shares.values()), len(shares)) if shares else None


def _mean(figures: Sequence[tuple[int, Mapping[str, float]]], name: str) -> Interval | None:
    found = [(seed, figure[name]) for seed, figure in figures if name in figure]
    return over_seeds(found) if found else None


def _values(points: Sequence[ComparedPoint], by: Sequence[str], metric: str) -> dict[Key, float]:
    return mean_by_key(
        (partner(point, by), point.figures[metric]) for point in points if metric in point.figures
    )


def _ranked(
    groups: Sequence[Group],
    values: Mapping[str, Mapping[Key, float]],
    better: str,
    leading: Collection[str],
) -> list[Group]:
    """Return the groups in their order, each with its rank and its difference from the best."""
    if not better:
        return list(groups)
    sign = -1.0 if better == "higher" else 1.0

    def place(group: Group) -> tuple[bool, bool, float]:
        value = group.value
        return value is None, group.config not in leading, sign * value.estimate if value else 0.0

    ordered = sorted(groups, key=place)
    best = ordered[0] if ordered and ordered[0].config in leading else None
    ranked = []
    for number, group in enumerate(ordered, 1):
        if best is None or group.value is None:
            ranked.append(group)
            continue
        difference = paired_difference(values[group.config], values[best.config])
        tied = group is not best and group.config in leading and is_tie(difference)
        rank = 1 if tied or group is best else number
        ranked.append(
            replace(
                group,
                rank=rank if group.config in leading else None,
                tied=tied,
                difference=None if group is best else difference,
            )
        )
    return ranked


def _can_lead(points: Sequence[ComparedPoint], metric: str) -> bool:
    """Say whether a mean represents its configuration: not if most runs have no value."""
    ended = sum(point.outcome in (*RESULTS, "failed") for point in points)
    return 2 * sum(metric in point.figures for point in points) > ended


def _lacking(points: Sequence[ComparedPoint], by: Sequence[str], metric: str) -> list[Lacking]:
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


def _best_run(
    points: Sequence[ComparedPoint], by: Sequence[str], measure: Measure
) -> BestRun | None:
    found = [(point.figures[measure.name], point) for point in points if _has(point, measure)]
    if not found or not measure.better:
        return None
    choose = max if measure.better == "higher" else min
    value, point = choose(found, key=lambda pair: pair[0])
    return BestRun(point.run_id, label(point, by), point.seed, value)


def _has(point: ComparedPoint, measure: Measure) -> bool:
    return measure.name in point.figures
