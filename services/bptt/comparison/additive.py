"""Values as the sum of what a configuration and what a seed contributes, by least squares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TINY = 1e-9


@dataclass(frozen=True)
class Additive:
    """Least squares of y = configuration + seed + residual, some y missing."""

    means: Array
    """(configurations,): of the values, had every configuration every seed."""
    variances: Array
    """(configurations,): of one run, from its own residuals; NaN where they have no freedom."""
    freedom: Array
    """(configurations,): degrees of freedom of each variance; they add up to `df`."""
    df: int
    """Degrees of freedom of all residuals together."""


def fit(values: Array) -> Additive:
    """Fit a table in which every configuration is connected to every other by common seeds.

    Args:
        values: (configurations, seeds); NaN where there is none.
    """
    here = np.isfinite(values)
    # a seed that only one configuration has carries nothing
    held = here.sum(0) > 1
    here, values = here[:, held], values[:, held]
    a = here.astype(float)
    per_config, per_seed = a.sum(1), a.sum(0)
    y = np.where(here, values, 0.0)
    shape = 1 / per_config[:, np.newaxis] * a
    if len(per_config) > len(per_seed):
        # whichever there are more of is eliminated
        core, factor, alone = _inverse(np.diag(per_seed) - a.T @ shape), shape, 1 / per_config
        seeds = core @ (y.sum(0) - shape.T @ y.sum(1))
        configs = (y.sum(1) - a @ seeds) / per_config
        within, cross = np.diag(core), -shape @ core
    else:
        share = a / per_seed
        core = _inverse(np.diag(per_config) - share @ a.T)
        factor, alone = np.eye(len(core)), np.zeros(len(core))
        configs = core @ (y.sum(1) - share @ y.sum(0))
        seeds = (y.sum(0) - a.T @ configs) / per_seed
        within, cross = 1 / per_seed + (share * (core @ share)).sum(0), -core @ share
    residuals = np.where(here, values - configs[:, np.newaxis] - seeds, 0.0)
    of_means = alone + ((factor @ core) * factor).sum(1)
    leverage = np.where(here, of_means[:, np.newaxis] + within + 2 * cross, 0.0)
    freedom = (here - leverage).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = np.where(freedom > TINY, (residuals**2).sum(1) / freedom, np.nan)
    df = int(here.sum()) - len(per_config) - len(per_seed) + 1
    freedom = np.maximum(freedom, 0.0)
    return Additive(configs + seeds.mean(), variances, freedom, df)


def _inverse(normal: Array) -> Array:
    """Return the pseudo-inverse of normal equations that leave one constant undetermined."""
    constant = np.full_like(normal, 1 / len(normal))
    inverse: Array = np.linalg.inv(normal + constant) - constant
    return inverse


def connected(here: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the largest set of configurations that common seeds connect with each other.

    Args:
        here: (configurations, seeds), whether there is a value.

    Returns:
        Their rows in order; the first of several such sets, empty if there is no value.
    """
    if here.size and here.all():
        return np.arange(len(here))
    unseen = here.any(1)
    largest = np.zeros(len(here), dtype=bool)
    while unseen.any():
        found = np.zeros(len(here), dtype=bool)
        found[np.argmax(unseen)] = True
        while True:
            grown = np.asarray(here[:, here[found].any(0)].any(1))
            if (grown == found).all():
                break
            found = grown
        if found.sum() > largest.sum():
            largest = found
        unseen &= ~found
    return np.flatnonzero(largest)
