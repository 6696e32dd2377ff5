"""The distribution of the studentized range: how far apart the largest and smallest mean lie."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NODES = 96
WIDTH = 8.0
"""Standard deviations of a normal variable that the quadrature covers."""
CLOSE = 1e-8
"""Relative change at which the search for a quantile ends."""


@lru_cache(maxsize=4096)
def range_quantile(groups: int, df: int, level: float = 0.95) -> float:
    """Return a quantile of the range of standard normals, divided by an estimate of their spread.

    The estimate is independent of them (Tukey 1953). `scipy.stats.studentized_range.ppf` is the
    same; importing it takes half a second and a call ten times as long.

    Args:
        groups: number of normals, at least 2.
        df: degrees of freedom of the estimate, at least 1.
        level: of the quantile, between 0 and 1.
    """
    low, high, below, above = 0.0, 8.0, -level, 0.0
    while (above := range_cdf(high, groups, df) - level) < 0:
        low, high, below = high, 2 * high, above
    found, change, rose = high, high, False
    while change > CLOSE * found:
        nearer = (low * above - high * below) / (above - below)
        found, change = nearer, abs(nearer - found)
        excess = range_cdf(found, groups, df) - level
        # false position, where an end that stays twice counts half (Dowell & Jarratt 1971)
        if excess < 0:
            low, below, above, rose = found, excess, above / 2 if rose else above, True
        else:
            high, above, below, rose = found, excess, below if rose else below / 2, False
    return found


def range_cdf(width: float, groups: int, df: int) -> float:
    """Return the probability that the studentized range is at most `width`."""
    estimates, weights = _spreads(df)
    return float(weights @ _of_known_spread(width * estimates, groups))


@lru_cache(maxsize=2)
def _between_ends(number: int) -> tuple[Array, Array]:
    """Return nodes between -1 and 1 and their weights, both (number,): Gauss-Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return nodes, weights


@lru_cache(maxsize=256)
def _spreads(df: int) -> tuple[Array, Array]:
    """Return nodes of sqrt(chi^2(df) / df) and the probability at each, both (nodes,)."""
    from scipy.special import chdtri

    lowest, highest = (math.sqrt(float(chdtri(df, p)) / df) for p in (1 - 1e-12, 1e-12))
    nodes, weights = _between_ends(2 * NODES)
    # in the logarithm, where the density is smooth at 0 even for one degree of freedom
    a, b = math.log(max(lowest, 1e-12)), math.log(highest)
    logs = (b - a) / 2 * nodes + (a + b) / 2
    density = (
        df * logs - df * np.exp(2 * logs) / 2 + df / 2 * math.log(df / 2) - math.lgamma(df / 2)
    )
    chance = 2 * np.exp(density) * weights * (b - a) / 2
    return np.exp(logs), chance


@lru_cache(maxsize=1)
def _normals() -> tuple[Array, Array, Array]:
    """Return nodes of a standard normal, the probability at each and below each, (nodes,) each."""
    from scipy.special import ndtr

    nodes, weights = _between_ends(NODES)
    z = WIDTH * nodes
    return z, WIDTH * weights * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), ndtr(z)


def _of_known_spread(widths: Array, groups: int) -> Array:
    """Return the probability that the range of standard normals is at most each width, (n,)."""
    from scipy.special import ndtr

    z, chance, below = _normals()
    between = below - ndtr(z - widths[:, np.newaxis])
    probabilities: Array = groups * (between ** (groups - 1)) @ chance
    return probabilities
