"""`compare`: one row per configuration of a problem, over its seeds; missing values are listed."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bptt.comparison.axes import axes_of, find_axes
from bptt.comparison.column import Column, column_of
from bptt.comparison.facets import Facet, facets_of
from bptt.comparison.interval import mean_by_key, over_seeds, rate_interval
from bptt.comparison.metrics import Measure, deciding_metric, find_metrics, names_of
from bptt.comparison.point import RESULTS, ComparedPoint
from bptt.comparison.verdict import Ranked
from bptt.comparison.wording import listed, number_told, unfinished
from bptt.measuring.table import SLOPE
from bptt.records.comparison import BestRun, Comparison, Group, Interval, Lacking


def compare(
    points: Sequence[ComparedPoint],
    by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    *,
    grid: str = "GRID",
) -> list[Comparison]:
    """Return the comparison of a grid's points for each of its problems.

    Args:
        points: all of the grid's.
        by: axes that distinguish configurations, in full or by their last word; none: all but
            the seed.
        metrics: names, in full (`eval/loss`) or by their last word; none: the deciding metric of
            the task. The first one determines the order.
        grid: what commands call the grid.

    Raises:
        InvalidSpec: an axis or a metric that this grid does not have.
    """
    axes = find_axes(by, axes_of(points))
    known = names_of(points)
    asked = Asked(axes, {point.seed for point in points}, grid)
    return [
        # what only another task has is shown for that one
        _compare(facet, find_metrics(metrics, facet.points, known), asked)
        for facet in facets_of(points)
    ]


@dataclass(frozen=True)
class Asked:
    """What is the same for every problem of a grid."""

    by: Sequence[str]
    """Axes that distinguish configurations."""
    seeds: Collection[int]
    grid: str


def _compare(facet: Facet, found: Sequence[Measure], asked: Asked) -> Comparison:
    measures = found or [deciding_metric(facet.points)]
    first, own = measures[0], deciding_metric(facet.points)
    by_config: dict[str, list[ComparedPoint]] = {}
    for name, point in zip(facet.names(asked.by), facet.points, strict=True):
        by_config.setdefault(name, []).append(point)
    columns = {m.name: column_of(by_config, m, asked.by) for m in (*measures, own)}
    shown = {measure.short: columns[measure.name] for measure in measures}
    decided = columns[first.name]
    ranked = Ranked(decided.ranking, list(by_config), asked.seeds, asked.grid, number_told)
    groups = [
        _group(name, held, number, shown, columns[own.name])
        for number, (name, held) in enumerate(by_config.items())
    ]
    ordered = [groups[number] for number in decided.order()]
    return Comparison(
        task=facet.task,
        problem=facet.problem,
        metric=first.short,
        metrics=list(shown),
        better=first.better,
        baseline=first.baseline,
        by=asked.by,
        points=len(facet.points),
        ended=sum(point.outcome in RESULTS for point in facet.points),
        groups=ordered,
        lacking=_lacking(by_config, decided),
        best_run=_best_run(by_config, first),
        verdict=ranked.verdict() if first.better else "",
        notes=[note for note in (ranked.power(), *_notes(ordered, decided, own)) if note],
    )


def _group(
    config: str,
    points: Sequence[ComparedPoint],
    number: int,
    shown: Mapping[str, Column],
    own: Column,
) -> Group:
    first, *_ = shown.values()
    counts = Counter(point.outcome for point in points)
    return Group(
        config=config,
        points=len(points),
        counts=dict(counts),
        metrics={short: column.interval(number) for short, column in shown.items()},
        value=first.interval(number),
        survivors=first.survivors(number),
        diverged=counts["diverged"],
        counted_as=first.counted_as(number),
        solved=solved_share(points),
        slope=_slope(points),
        learned=_learned(own.interval(number), own.measure),
        standing=first.standing(number),
        lead=first.lead(number),
    )


def solved_share(points: Sequence[ComparedPoint]) -> Interval | None:
    """Return the share of ended runs that solved the task; None if none has ended.

    Runs with one seed are not independent, so the width of the interval depends on the seeds.
    """
    ended = [point for point in points if point.outcome in RESULTS]
    shares = mean_by_key((point.seed, float(point.solved)) for point in ended)
    return rate_interval(math.fsum(shares.values()), len(shares)) if shares else None


def _slope(points: Sequence[ComparedPoint]) -> Interval | None:
    found = [(p.seed, p.figures[SLOPE.key]) for p in points if SLOPE.key in p.figures]
    return over_seeds(found) if found else None


def _learned(value: Interval | None, measure: Measure) -> bool | None:
    """Say whether a mean is better than the best answer without memory, beyond chance."""
    if measure.baseline is None or value is None or value.low is None or value.high is None:
        return None
    if measure.better == "higher":
        return value.low > measure.baseline
    return value.high < measure.baseline


def _notes(groups: Sequence[Group], decided: Column, own: Measure) -> list[str]:
    """Return what else a reader of the table has to know."""
    said = []
    if decided.ranking.adjusted:
        said.append("Means are adjusted for seeds that not all have.")
    first = decided.measure
    few = [g.config for g in groups if g.value and not g.standing and len(groups) > 1]
    if first.better and few:
        said.append(
            f"Not ranked: {listed(few)}: half or more of the ended runs have no value, or no seed "
            "is one that others have."
        )
    if nothing := [group.config for group in groups if group.learned is False]:
        said.append(
            f"Cannot be told from the baseline of {number_told(own.baseline or 0.0)} in "
            f"{own.short}, or worse: {listed(nothing)}."
        )
    said.append(unfinished([group.counts for group in groups]))
    if first.short and not first.better:
        said.append(f"Not ranked: {first.neither}.")
    return said


def _lacking(by_config: Mapping[str, Sequence[ComparedPoint]], decided: Column) -> list[Lacking]:
    found = []
    for config, row in zip(by_config, decided.rows, strict=True):
        for one in row:
            if one.value is not None and not one.counted:
                continue
            point = one.point
            why = point.why_without() or f"has no {decided.measure.name}"
            if one.counted and one.value is not None:
                why += f", counted as {number_told(one.value)}"
            found.append(Lacking(point.run_id, config, point.seed, point.outcome, why))
    return found


def _best_run(by_config: Mapping[str, Sequence[ComparedPoint]], measure: Measure) -> BestRun | None:
    found = [
        (point.figures[measure.name], config, point)
        for config, held in by_config.items()
        for point in held
        if measure.name in point.figures
    ]
    if not found or not measure.better:
        return None
    choose = max if measure.better == "higher" else min
    value, config, point = choose(found, key=lambda one: one[0])
    return BestRun(point.run_id, config, point.seed, value)
