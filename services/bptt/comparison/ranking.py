"""Which configurations can be told from the best one, at a known rate of false claims."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bptt.comparison.additive import connected, fit
from bptt.comparison.pairs import foremost, paired
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
SEEDS_AT_MOST = 1000


@dataclass(frozen=True)
class Lead:
    """How far the foremost configuration is ahead of another one."""

    lead: float
    """Mean difference over the seeds that both have, in pairs of one seed. NaN where there is none;
    negative only where nobody is ahead of all others."""
    needed: float
    """The lead from which it is told; infinity where there are too few common seeds."""
    seeds: int
    """Seeds that both have."""
    spread: float
    """Standard deviation of one run, the wider of the pair's own and that of the table."""
    rounding: float
    """Differences up to this are rounding."""
    told: bool
    """Whether the other one is worse, at the table's level."""


@dataclass(frozen=True)
class Ranking:
    """Configurations in the order of leads, and where the order can be relied upon."""

    means: Array
    """(configurations,), each over its own seeds; NaN for one that is not ranked."""
    top: tuple[int, ...]
    """Those that cannot be told from the foremost, which comes first."""
    below: tuple[int, ...]
    """Those that are worse than it; their order among themselves is not tested."""
    apart: tuple[int, ...]
    """Those that share no seed with the others."""
    leads: dict[int, Lead]
    """The foremost one's lead over each ranked configuration but itself."""
    unequal: bool
    """Whether some ranked configuration lacks a seed that another one has."""

    @property
    def foremost(self) -> int | None:
        """The one that leads are of."""
        return self.top[0] if self.top else None

    @property
    def ahead_of_it(self) -> tuple[int, ...]:
        """Those that are ahead of it on the seeds that both have: then nobody is the best."""
        return tuple(i for i in self.top[1:] if self.leads[i].lead < 0)


def rank(values: Array, floor: Array | None = None) -> Ranking:
    """Rank configurations by a step-down blocked Tukey test, with two guards.

    The foremost one's lead over another, in pairs of one seed, is told if it exceeds both the
    studentized range of the configurations left (Tukey 1953), with the wider of the pair's own
    spread and that of all which spread at least as widely as the steadier of the two, and the
    pair's own t test. What is told is taken away and the rest tested again, until nothing is told.
    With no true differences, some configuration is said to be worse in at most 6 of 100 tables:
    docs/inference.md has the simulations, and the cases in which it is more. Two configurations: a
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
    if len(members):
        means[members] = np.nanmean(values[members], axis=1)
    leads: dict[int, Lead] = {}
    below: list[int] = []
    left = members
    # the same one throughout: those told are worse than what the rest is compared with
    first = int(members[foremost(values[members], SEEDS_TO_TELL)]) if len(members) else -1
    while len(left) > 1:
        least = np.zeros(len(left)) if floor is None else floor[left]
        found = _leads(values[left], least, int(np.flatnonzero(left == first)[0]))
        leads.update({int(left[other]): lead for other, lead in found.items()})
        told = [other for other, lead in found.items() if lead.told]
        if not told:
            break
        below += [int(left[other]) for other in told]
        left = np.delete(left, told)

    def place(config: int) -> tuple[bool, bool, float]:
        lead = 0.0 if config == first else leads[config].lead
        return config != first, math.isnan(lead), lead

    return Ranking(
        means=means,
        top=tuple(sorted(map(int, left), key=place)),
        below=tuple(sorted(below, key=place)),
        apart=tuple(i for i in range(len(values)) if math.isnan(means[i])),
        leads=leads,
        unequal=_has_holes(values[members]),
    )


def _has_holes(values: Array) -> bool:
    """Say whether some row, (rows, seeds), lacks a seed that another one has."""
    there = np.isfinite(values)
    return bool((there.any(0) & ~there.all(0)).any())


def _leads(values: Array, least: Array, one: int) -> dict[int, Lead]:
    """Return a row's lead over each other row, and what it needs to be told.

    Args:
        values: (rows, seeds).
        least: (rows,), the least variance of one run.
        one: the row.
    """
    groups, pairs = len(values), paired(values, one)
    own = np.maximum(pairs.variances, (least + least[one]) / 2)
    own = np.where(pairs.seeds > 1, own, 0.0)
    variances, freedom, df = _spreads(values, pairs.seeds > 0, one)
    variances = np.maximum(variances, least)
    pool = _pooled(variances, freedom, np.fmin(variances, variances[one]))
    variance, seeds = np.fmax(own, pool), np.maximum(pairs.seeds, 1)
    needed = np.full(groups, math.inf)
    if df >= 1:
        needed = _width(values, df) * np.sqrt(variance / seeds)
        if groups > 2:
            t = t_quantiles(np.maximum(seeds - 1, 1), PAIR_LEVEL)
            needed = np.maximum(needed, t * np.sqrt(2 * own / seeds))
        needed = np.where(pairs.seeds >= SEEDS_TO_TELL, needed, math.inf)
    # without a common seed the lead is NaN, and nothing is told
    told = pairs.leads > np.maximum(needed, pairs.rounding)
    spread = np.sqrt(variance)
    columns = pairs.leads, needed, pairs.seeds, spread, pairs.rounding, told
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {other: Lead(*row) for other, row in enumerate(rows) if other != one}


def _width(values: Array, df: int) -> float:
    """Return how far apart the extremes of equally good rows lie, in units of a mean's spread.

    By the studentized range, which takes all means to be over the same seeds. Differences over
    other seeds for each pair are less alike, so that one of them is large more often: then by
    Bonferroni's inequality over all pairs, which holds however they depend on each other.

    Args:
        values: (rows, seeds).
        df: degrees of freedom of the spread.
    """
    groups, shared = len(values), np.isfinite(values).sum(0) > 1
    width = range_quantile(groups, df, LEVEL)
    if not _has_holes(values[:, shared]):
        return width
    # two sides of groups (groups - 1) / 2 pairs
    alone = 1 - (1 - LEVEL) / (groups * (groups - 1))
    return max(width, math.sqrt(2) * t_quantile(df, alone))


def _spreads(values: Array, paired_with: NDArray[np.bool_], one: int) -> tuple[Array, Array, int]:
    """Return the variance of a run of each row, its degrees of freedom, and those of all.

    From residuals over the seeds of one row: what others do elsewhere says nothing of its leads.

    Args:
        values: (rows, seeds).
        paired_with: (rows,), whether one shares a seed with the row.
        one: the row.
    """
    variances, freedom = np.full(len(values), np.nan), np.zeros(len(values))
    held = np.flatnonzero(paired_with)
    if len(held) < 2:
        return variances, freedom, 0
    model = fit(values[held][:, np.isfinite(values[one])])
    variances[held], freedom[held] = model.variances, model.freedom
    return variances, freedom, model.df


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
