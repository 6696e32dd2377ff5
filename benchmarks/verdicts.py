"""What two rules say of many tables: `bptt compare`'s, and the one that it replaced."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bptt.comparison.ranking import rank

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Verdicts:
    """What a rule says of each table."""

    told: NDArray[np.bool_]
    """(tables, configurations): whether one is said to be worse than the best."""
    best: NDArray[np.intp]
    """(tables,): the one with the best mean."""

    @property
    def any_told(self) -> float:
        """Share of the tables in which some configuration is told."""
        return float(self.told.any(1).mean())

    @property
    def top(self) -> float:
        """Mean number of configurations that are not told."""
        return float((~self.told).sum(1).mean())


def by_ranking(values: Array) -> Verdicts:
    """Return the verdicts of the product.

    Args:
        values: (tables, configurations, seeds), higher is better; NaN where there is none.
    """
    told = np.zeros(values.shape[:2], dtype=bool)
    best = np.zeros(len(values), dtype=np.intp)
    for place, table in enumerate(values):
        ranking = rank(table)
        told[place, list(ranking.below)] = True
        best[place] = ranking.top[0]
    return Verdicts(told, best)


def by_each_interval(values: Array) -> Verdicts:
    """Return the verdicts of the earlier rule: 95 % intervals of the differences from the best.

    Each is a paired t interval (Gosset 1908), with no regard to how many there are, nor to the
    best one's having been chosen by the same data.
    """
    here = np.isfinite(values)
    counts = here.sum(2)
    means = np.where(here, values, 0.0).sum(2) / np.maximum(counts, 1)
    best = np.where(counts > 0, means, -np.inf).argmax(1)
    differences = values - values[np.arange(len(values)), best][:, np.newaxis]
    common = np.isfinite(differences)
    n = common.sum(2)
    mean = np.where(common, differences, 0.0).sum(2) / np.maximum(n, 1)
    squares = np.where(common, (differences - mean[..., np.newaxis]) ** 2, 0.0).sum(2)
    error = np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1))
    reach = stdtrit(np.maximum(n - 1, 1), 0.975) * error
    return Verdicts((n > 1) & (np.abs(mean) > reach), best)


RULES = {"rank": by_ranking, "each interval": by_each_interval}
