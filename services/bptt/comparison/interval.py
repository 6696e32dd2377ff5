"""Intervals that contain the true value in 95 of 100 repetitions of the experiment."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import TypeVar

from bptt.records.comparison import Interval

K = TypeVar("K", bound=Hashable)

CONFIDENCE = 0.95
CLOSE = 1e-12
"""Share of the largest value below which a spread is rounding."""
LEAST = 3
"""Values below which nothing is said of their spread: two may be alike by chance."""


def mean_interval(values: Sequence[float], least: float = 0.0) -> Interval:
    """Return the mean with Student's t interval (Gosset 1908); of three values or more.

    Values that are all equal have none: that a few are alike does not say that all others are.

    Args:
        values: at least one.
        least: variance that each of them has at least, because it is known no better.

    Raises:
        ValueError: there are no values, or one is not finite.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"a mean needs finite values, got {list(values)}")
    n = len(values)
    mean = math.fsum(values) / n
    if n < LEAST:
        return Interval(mean, None, None, n)
    # scipy.stats has the same function under a better name, but takes half a second to import
    from scipy.special import stdtrit

    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    spread = math.sqrt(max(variance, least))
    if spread <= CLOSE * max(map(abs, values)):
        return Interval(mean, None, None, n)
    reach = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * spread / math.sqrt(n)
    return Interval(mean, mean - reach, mean + reach, n)


def mean_by_key(pairs: Iterable[tuple[K, float]]) -> dict[K, float]:
    """Return the mean value of each key."""
    gathered: dict[K, list[float]] = {}
    for key, value in pairs:
        gathered.setdefault(key, []).append(value)
    return {key: math.fsum(values) / len(values) for key, values in gathered.items()}


def whole_seeds(held: Mapping[int, Mapping[K, float]]) -> dict[int, Mapping[K, float]]:
    """Return the seeds that have every value which any of them has.

    Runs of one seed are not independent, so what is compared is a mean of them. One over some of
    the values would differ from one over all for that alone.

    Args:
        held: by seed, its values by what they differ in besides.
    """
    wanted = {key for found in held.values() for key in found}
    return {seed: found for seed, found in held.items() if found and wanted <= found.keys()}


def rate_interval(successes: float, n: int) -> Interval:
    """Return the share of successes with Wilson's score interval (1927).

    Args:
        successes: a count; fractional where dependent trials share one.
        n: number of independent trials.

    Raises:
        ValueError: there are no trials, or more successes than trials.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"a rate needs 0 <= successes <= n and n > 0, got {successes} of {n}")
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # at the ends exactly these, but for rounding
    low = max(centre - reach, 0.0) if successes > 0 else 0.0
    high = min(centre + reach, 1.0) if successes < n else 1.0
    return Interval(share, low, high, n)
