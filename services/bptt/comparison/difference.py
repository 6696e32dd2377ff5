"""Differences between two configurations, paired by seed, so that what they share cancels."""

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from bptt.comparison.interval import mean_interval
from bptt.records.comparison import Interval

K = TypeVar("K", bound=Hashable)

Key = tuple[int, Hashable]
"""A seed, and whatever else two runs must agree in to be compared with each other."""


def paired_difference(
    values: Mapping[Key, float], reference: Mapping[Key, float]
) -> Interval | None:
    """Return the mean of `values - reference` over seeds, with Student's t interval.

    Two runs with one seed see the same data, so their difference varies less than the
    difference of two means would.

    Returns:
        None if they have no key in common.
    """
    common = [(key[0], values[key] - reference[key]) for key in values if key in reference]
    return over_seeds(common) if common else None


def over_seeds(pairs: Iterable[tuple[int, float]]) -> Interval:
    """Return the mean over seeds of the mean within each: runs of one seed are not independent.

    Args:
        pairs: (seed, value), at least one.
    """
    return mean_interval(list(mean_by_key(pairs).values()))


def is_tie(difference: Interval | None) -> bool:
    """Say whether a difference may as well be zero; an unknown one may."""
    if difference is None or difference.low is None or difference.high is None:
        return True
    return difference.low <= 0.0 <= difference.high


def mean_by_key(pairs: Iterable[tuple[K, float]]) -> dict[K, float]:
    """Return the mean value of each key."""
    gathered: dict[K, list[float]] = {}
    for key, value in pairs:
        gathered.setdefault(key, []).append(value)
    return {key: math.fsum(values) / len(values) for key, values in gathered.items()}
