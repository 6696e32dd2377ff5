"""One configuration of a problem, over its seeds, as a record."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bptt.comparison.axes import values_of
from bptt.comparison.column import Column
from bptt.comparison.interval import LEAST
from bptt.comparison.metrics import Measure
from bptt.comparison.point import ComparedPoint
from bptt.comparison.rates import solved_share
from bptt.comparison.slopes import has_mixed_slope, layer_slopes, mean_slope
from bptt.measuring.logged import BEST, BEST_TEST
from bptt.records.comparison import Group, Interval


def group_of(
    config: str,
    points: Sequence[ComparedPoint],
    number: int,
    shown: Mapping[str, Column],
    beside: Column,
    tested: Mapping[str, Column],
) -> Group:
    """Return what is known of a configuration.

    Args:
        config: its name.
        points: its points.
        number: of it in the columns.
        shown: the figures of the table, by their short names; the first decides.
        beside: from `beside_baseline`.
        tested: the same with other options of the task, by these in words.
    """
    first, *_ = shown.values()
    counts = Counter(point.outcome for point in points)
    return Group(
        config=config,
        values=values_of(points),
        points=len(points),
        grids=dict(Counter(grid for point in points for grid in point.grids)),
        counts=dict(counts),
        metrics={short: column.interval(number) for short, column in shown.items()},
        value=first.interval(number),
        survivors=first.survivors(number),
        diverged=counts["diverged"],
        counted_as=first.counted_as(number),
        solved=solved_share(points),
        slope=mean_slope(points),
        slope_mixed=has_mixed_slope(points),
        tested={told: column.interval(number) for told, column in tested.items()},
        layer_slopes=layer_slopes(points),
        # nothing has been learned yet
        learned=None
        if any(point.untrained for point in points)
        else _learned(beside.interval(number), beside.measure),
        standing=first.standing(number),
        lead=first.lead(number),
        too_few=first.too_few(number),
        median=first.median(number) if first.measure.until_solved else None,
        unsolved_until=first.unsolved_until(number) if first.measure.until_solved else None,
        at_first_evaluation=first.is_at_first(number),
    )


def beside_baseline(decided: Column, own: Column, *, at_best: bool) -> Column:
    """Return by which figure a configuration has learned something: what decides, if that can say.

    A best value cannot: it is the luckiest of many, also of a run that learned nothing. That of the
    test set with the best weights can: they were chosen on another set.

    Args:
        decided: the figure that decides.
        own: the task's own metric, of which nothing has chosen a value: `learned_column`.
        at_best: whether what decides is of the best evaluations.
    """
    name = decided.measure.name
    chosen = at_best or name.startswith(BEST.section)
    can = not chosen or name.startswith(BEST_TEST.beginning)
    return decided if can and decided.measure.baseline is not None else own


def _learned(value: Interval | None, measure: Measure) -> bool | None:
    """Say whether a mean is better than the best answer without memory, beyond chance."""
    if measure.baseline is None or value is None or value.n < LEAST:
        return None
    # seeds that are all alike have no interval
    low, high = (value.estimate if end is None else end for end in (value.low, value.high))
    return low > measure.baseline if measure.better == "higher" else high < measure.baseline
