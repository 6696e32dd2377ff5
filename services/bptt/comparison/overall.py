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
from bptt.comparison.wording import listed
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
    are equal share the mean of their places. A seed counts for those that have a value in every
    problem, which alone are ranked in it.

    Args:
        problems: of a grid.
        names: of the configurations in all of them.
    """
    values: list[dict[int, float]] = [{} for _ in names]
    seeds = _seeds(problems)
    held = [_ranked(problem, names, seeds) for problem in problems]
    here: NDArray[np.bool_] = np.all(np.isfinite(held), axis=0)
    several = int(here.any(axis=1).sum())
    for column, seed in enumerate(seeds):
        there = np.flatnonzero(here[:, column])
        places = np.mean([_places(one[there, column], several) for one in held], axis=0)
        for number, place in zip(there, places, strict=True):
            values[number][seed] = float(place)
    # with no difference a rank is as good as drawn, so its variance is known (Friedman 1937); that
    # of a few seeds may be 0 by chance. Half of it is enough: docs/inference.md has the rates
    least = several * (several + 1) / (24 * len(problems))
    return column_of_seeds(MEAN_RANK, values, least, (1.0, float(max(several, 1))))


def _seeds(problems: Sequence[Problem]) -> list[int]:
    return sorted({seed for _, column in problems for one in column.values for seed in one})


def _ranked(problem: Problem, names: Sequence[str], seeds: Sequence[int]) -> Array:
    """Return the values of those that a problem ranks, (names, seeds), the least the best."""
    by_config, column = problem
    sign = 1.0 if column.measure.better == "lower" else -1.0
    numbers, apart = list(by_config), column.ranking.apart
    held: list[Mapping[int, float]] = [
        {} if (number := numbers.index(name)) in apart else column.values[number] for name in names
    ]
    return sign * np.array([[one.get(seed, np.nan) for seed in seeds] for one in held])


def _places(values: Array, several: int) -> Array:
    """Return the place of each value, 1 the least, that it is expected to have among more.

    Had those that are missing a value that is as good as drawn from the same, the mean of all
    places would be the middle: one that is alone in its seed is there, and neither first nor last.

    Args:
        values: none of them missing.
        several: how many there would be.
    """
    below = (values[:, np.newaxis] > values).sum(1)
    equal = (values[:, np.newaxis] == values).sum(1)
    places: Array = (below + (equal + 1) / 2) * (several + 1) / (len(values) + 1)
    return places


def ranks_told(problems: Sequence[Problem], names: Sequence[str], ranks: Column) -> list[str]:
    """Return what mean ranks are, and which configurations have none though they ran.

    Args:
        problems: of the grid.
        names: of the configurations in all of them.
        ranks: from `mean_ranks`.
    """
    there = sum(map(bool, ranks.values))
    without = [
        name
        for name, held in zip(names, ranks.values, strict=True)
        if not held and any(p.result or p.failure for by, _ in problems for p in by[name])
    ]
    said = [
        f"mean rank: over {len(problems)} problems, within each problem and seed, 1 the best of "
        f"{there or len(names)}; only configurations that all of them have and rank, and of each "
        "the seeds with a value in all of them. solved: runs of one seed count as one in its "
        "interval, whatever the problem."
    ]
    if without:
        said.append(
            f"Not ranked: {listed(without)}: some problem does not rank it, or no seed has a value "
            "in all of them."
        )
    return said


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
