"""Configurations over all problems of a grid, by what is comparable between them: ranks."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bptt.comparison.axes import values_of
from bptt.comparison.column import Column, column_of_seeds
from bptt.comparison.interval import mean_interval
from bptt.comparison.metrics import Measure
from bptt.comparison.point import ComparedPoint
from bptt.comparison.rates import solved_share
from bptt.records.comparison import Group, Interval

MEAN_RANK = Measure("mean rank", "mean rank", "lower")
OF_BASELINE = "value / baseline"

Array = NDArray[np.float64]
Problem = tuple[Mapping[str, Sequence[ComparedPoint]], Column]
"""The points of each configuration, and the figure that decides."""


def in_all(problems: Sequence[Problem]) -> list[str]:
    """Return the configurations that every problem has, if they can be compared over all."""
    if len(problems) < 2 or not all(column.measure.ranks for _, column in problems):
        return []
    first, *others = (by_config for by_config, _ in problems)
    return [name for name in first if all(name in other for other in others)]


def mean_ranks(problems: Sequence[Problem], names: Sequence[str]) -> Column:
    """Return the mean over problems of each configuration's rank within problem and seed.

    Ranks need no scale, and problems have different ones: 1 is the best of a seed, and those that
    are equal share the mean of their places. A seed counts for a configuration that has a value in
    every problem.

    Args:
        problems: of a grid.
        names: of the configurations in all of them.
    """
    gathered: list[dict[int, list[float]]] = [{} for _ in names]
    for by_config, column in problems:
        sign = 1.0 if column.measure.better == "lower" else -1.0
        numbers = [list(by_config).index(name) for name in names]
        held = [column.values[number] for number in numbers]
        for seed in sorted({seed for one in held for seed in one}):
            places = _places(np.array([sign * one.get(seed, np.nan) for one in held]))
            for found, place in zip(gathered, places, strict=True):
                if np.isfinite(place):
                    found.setdefault(seed, []).append(float(place))
    values = [
        {seed: float(np.mean(p)) for seed, p in found.items() if len(p) == len(problems)}
        for found in gathered
    ]
    # with no difference a rank is as good as drawn, so its variance is known (Friedman 1937); that
    # of a few seeds may be 0 by chance. Half of it is enough: docs/inference.md has the rates
    least = len(names) * (len(names) + 1) / (24 * len(problems))
    return column_of_seeds(MEAN_RANK, values, least, (1.0, float(len(names))))


def _places(values: Array) -> Array:
    """Return the place of each value, 1 the least; as if all had one where some are NaN."""
    there = np.isfinite(values)
    known = values[there]
    below = (known[:, np.newaxis] > known).sum(1)
    equal = (known[:, np.newaxis] == known).sum(1)
    places = np.full(len(values), np.nan)
    # stretched to as many places as there are configurations
    stretch = (len(values) - 1) / max(len(known) - 1, 1)
    places[there] = 1 + (below + (equal - 1) / 2) * stretch
    return places


def group_over(name: str, number: int, problems: Sequence[Problem], ranks: Column) -> Group:
    """Return one configuration over all problems.

    Args:
        name: of the configuration.
        number: of it in `ranks`.
        problems: of the grid.
        ranks: from `mean_ranks`.
    """
    points = [point for by_config, _ in problems for point in by_config[name]]
    counts = Counter(point.outcome for point in points)
    value = ranks.interval(number)
    metrics: dict[str, Interval | None] = {MEAN_RANK.short: value}
    if comparable(problems):
        metrics[OF_BASELINE] = _of_baseline(name, problems)
    return Group(
        config=name,
        values=values_of(points),
        points=len(points),
        grids=dict(Counter(grid for point in points for grid in point.grids)),
        counts=dict(counts),
        metrics=metrics,
        value=value,
        survivors=None,
        diverged=counts["diverged"],
        counted_as=None,
        solved=solved_share(points),
        slope=None,
        learned=None,
        standing=ranks.standing(number),
        lead=ranks.lead(number),
        too_few=ranks.too_few(number),
    )


def comparable(problems: Sequence[Problem]) -> bool:
    """Say whether values relative to the baseline mean the same in every problem."""
    measures = [column.measure for _, column in problems]
    return len({measure.better for measure in measures}) == 1 and all(
        measure.baseline is not None and measure.baseline > 0 for measure in measures
    )


def _of_baseline(name: str, problems: Sequence[Problem]) -> Interval | None:
    by_seed: dict[int, list[float]] = {}
    for by_config, column in problems:
        for seed, value in column.values[list(by_config).index(name)].items():
            by_seed.setdefault(seed, []).append(value / (column.measure.baseline or 1.0))
    whole = [float(np.mean(found)) for found in by_seed.values() if len(found) == len(problems)]
    return mean_interval(whole) if whole else None
