"""Which configurations can be told from the best one, at a known rate of false claims."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bptt.comparison.additive import Additive, connected, fit
from bptt.comparison.studentized import range_quantile

Array = NDArray[np.float64]

LEVEL = 0.95
"""Of all statements about one table together."""
PAIR_LEVEL = 0.9875
"""One-sided level of a pair's own t test, where there are more than two configurations."""
POWER = 0.8
SEEDS_TO_TELL = 3
"""Common seeds below which nothing is told: two coins that fall alike look like no spread."""
SEEDS_TO_TRUST = 5
"""Common seeds below which a verdict is preliminary: four coins fall alike in one grid of eight."""
CLOSE = 1e-9
"""Share of the largest mean below which a lead is rounding."""
SEEDS_AT_MOST = 1000


@dataclass(frozen=True)
class Lead:
    """How far the best configuration is ahead of another one."""

    lead: float
    """Difference of their means, adjusted for seeds that not all have; at least 0."""
    needed: float
    """The lead from which it is told; infinity where there are too few seeds."""
    seeds: int
    """Seeds that both have."""
    spread: float
    """Standard deviation of one run, the wider of the pair's own and that of the table."""
    told: bool
    """Whether the other one is worse than the best, at the table's level."""


@dataclass(frozen=True)
class Ranking:
    """Configurations in the order of their means, and where the order can be relied upon."""

    means: Array
    """(configurations,), adjusted for seeds that not all have; NaN for one that is not ranked."""
    top: tuple[int, ...]
    """Those that cannot be told from the best, which comes first."""
    below: tuple[int, ...]
    """Those that are worse than the best; their order among themselves is not tested."""
    apart: tuple[int, ...]
    """Those that share no seed with the others."""
    leads: dict[int, Lead]
    """The best one's lead over each ranked configuration but itself."""
    adjusted: bool
    """Whether means are adjusted, because some configuration lacks a seed."""

    @property
    def best(self) -> int | None:
        return self.top[0] if self.top else None


def rank(values: Array, floor: Array | None = None) -> Ranking:
    """Rank configurations by a step-down blocked Tukey test, with two guards.

    The best one's lead over another is told if it exceeds both the studentized range of the
    configurations left (Tukey 1953), with the wider of the pair's own spread and that of all which
    spread at least as widely as the steadier of the two, and the pair's own t test. What is told
    is taken away and the rest tested again, until nothing is told. With no true differences, some
    configuration is said to be worse in at most 6 of 100 tables: docs/inference.md has the
    simulations, and the cases in which it is more. Two configurations on the same seeds: a
    paired t test.

    Args:
        values: (configurations, seeds), higher is better; NaN where there is none.
        floor: (configurations,), the least variance of one run, where values are known only to
            some step; None: 0.

    Returns:
        Their ranking. Runs of one seed see the same data: a seed's effect on all is taken out.
    """
    members = connected(np.isfinite(values))
    means = np.full(len(values), np.nan)
    leads: dict[int, Lead] = {}
    below: list[int] = []
    left, first = members, None
    while len(left) > 1 and connected(np.isfinite(values[left])).size == len(left):
        model = fit(values[left])
        least = np.zeros(len(left)) if floor is None else floor[left]
        if first is None:
            first = model
            means[left] = model.means
        best = _best(model.means)
        leads.pop(int(left[best]), None)
        found = _leads(values[left], model, least, best)
        leads.update({int(left[other]): lead for other, lead in found.items()})
        told = [other for other, lead in found.items() if lead.told]
        if not told:
            break
        below += [int(left[other]) for other in told]
        left = np.delete(left, told)
    if first is None:
        for config in left:
            means[config] = np.nanmean(values[config])
    order = sorted((int(i) for i in left), key=lambda i: -means[i])
    if order and leads:
        # as in the test: among equals the first of the file
        order.sort(key=lambda i: i in leads)
    ranked = np.isfinite(means)
    return Ranking(
        means=means,
        top=tuple(order),
        below=tuple(sorted(below, key=lambda i: -means[i])),
        apart=tuple(i for i in range(len(values)) if not ranked[i]),
        leads=leads,
        adjusted=_has_holes(values[ranked]),
    )


def _has_holes(values: Array) -> bool:
    """Say whether some row, (rows, seeds), lacks a seed that another one has."""
    there = np.isfinite(values)
    return bool((there.any(0) & ~there.all(0)).any())


def _best(means: Array) -> int:
    return int(np.argmax(means >= means.max() - CLOSE * np.abs(means).max()))


def _leads(values: Array, model: Additive, least: Array, best: int) -> dict[int, Lead]:
    """Return the best one's lead over each other row, and what it needs to be told.

    Args:
        values: (rows, seeds).
        model: the fit of them.
        least: (rows,), the least variance of one run.
        best: the row with the best mean.
    """
    groups = len(values)
    differences = values[best] - values
    common = np.isfinite(differences)
    seeds = common.sum(1)
    mean = np.where(common, differences, 0.0).sum(1) / np.maximum(seeds, 1)
    squares = np.where(common, differences - mean[:, np.newaxis], 0.0) ** 2
    own = squares.sum(1) / np.maximum(seeds - 1, 1) / 2
    own = np.where(seeds > 1, np.maximum(own, (least + least[best]) / 2), 0.0)
    variances = np.maximum(model.variances, least)
    pool = _pooled(variances, model.freedom, np.fmin(variances, variances[best]))
    variance = np.fmax(own, pool)
    lead, needed = model.means[best] - model.means, np.full(groups, math.inf)
    if model.df >= 1:
        width = model.contrasts(best)
        needed = range_quantile(groups, model.df, LEVEL) * np.sqrt(variance * width / 2)
        if groups > 2:
            t = t_quantiles(np.maximum(seeds - 1, 1), PAIR_LEVEL)
            own_lead = t * np.sqrt(2 * own / np.maximum(seeds, 1))
            needed = np.maximum(needed, own_lead)
            # what the seeds that both have do not tell, those of others must not
            hidden = (lead > needed) & (mean <= own_lead)
            needed = np.where(hidden, lead + own_lead - mean, needed)
        needed = np.where(seeds >= SEEDS_TO_TELL, needed, math.inf)
    told = lead > np.maximum(needed, CLOSE * float(np.abs(model.means).max()))
    columns = np.maximum(lead, 0.0), needed, seeds, np.sqrt(variance), told
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {other: Lead(*row) for other, row in enumerate(rows) if other != best}


def _pooled(variances: Array, freedom: Array, least: Array) -> Array:
    """Return the mean of the variances that are at least each of these; 0 where none is known.

    Args:
        variances: (rows,), NaN where there is none.
        freedom: (rows,), their weights.
        least: (rows,), each of them one of the variances, or NaN.
    """
    known = np.flatnonzero(np.isfinite(variances))
    if not len(known):
        return np.zeros(len(least))
    widest = known[np.argsort(-variances[known], kind="stable")]
    pools = (variances[widest] * freedom[widest]).cumsum() / freedom[widest].cumsum()
    places = np.searchsorted(-variances[widest], -least, side="right") - 1
    return np.where(np.isfinite(least), pools[places], 0.0)


def t_quantile(df: int, level: float) -> float:
    """Return a quantile of Student's t distribution (Gosset 1908)."""
    return float(t_quantiles(np.array([df]), level)[0])


def t_quantiles(df: NDArray[np.intp], level: float) -> Array:
    """Return a quantile of Student's t distribution for each number of degrees of freedom."""
    # scipy.stats has the same function under a better name, but takes half a second to import
    from scipy.special import stdtrit

    found: Array = stdtrit(df, level)
    return found


def tellable(groups: int, seeds: int) -> float:
    """Return the lead, in standard deviations of a run, that is told in four of five tables.

    Args:
        groups: configurations, at least 2.
        seeds: that all of them have.

    Returns:
        Infinity below three seeds. Simulated power is up to a sixth smaller.
    """
    if seeds < SEEDS_TO_TELL:
        return math.inf
    needed = range_quantile(groups, (groups - 1) * (seeds - 1), LEVEL)
    if groups > 2:
        needed = max(needed, math.sqrt(2) * t_quantile(seeds - 1, PAIR_LEVEL))
    return (needed + math.sqrt(2) * t_quantile(seeds - 1, POWER)) / math.sqrt(seeds)


def seeds_to_tell(groups: int, lead: float, spread: float) -> int | None:
    """Return how many seeds tell a lead in four of five tables, if it is as large as it looks.

    Args:
        groups: configurations, at least 2.
        lead: that the best has.
        spread: standard deviation of one run, in the same unit.

    Returns:
        None if it is more than a thousand.
    """
    low, high = SEEDS_TO_TELL - 1, SEEDS_AT_MOST
    if tellable(groups, high) * spread > lead:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if tellable(groups, middle) * spread <= lead:
            high = middle
        else:
            low = middle
    return high
