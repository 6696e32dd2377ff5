"""Configurations compared in pairs of one seed, over the seeds that both have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CLOSE = 1e-9
"""Share of the larger of two means below which their difference is rounding."""
AT_ONCE = 512
"""Rows that are compared with all others at a time: a whole matrix need not fit into memory."""


@dataclass(frozen=True)
class Paired:
    """What one row is ahead of each other, over the seeds that both have."""

    leads: Array
    """(rows,): mean of the differences; 0 where they are rounding, NaN without a common seed."""
    seeds: NDArray[np.intp]
    """(rows,): common seeds."""
    variances: Array
    """(rows,): of one run, half that of the differences; 0 of fewer than two."""
    rounding: Array
    """(rows,): differences up to this are rounding."""


def paired(values: Array, one: int) -> Paired:
    """Return what a row is ahead of each.

    Args:
        values: (rows, seeds), higher is better; NaN where there is none.
        one: the row.
    """
    differences = values[one] - values
    common = np.isfinite(differences)
    seeds = common.sum(1)
    of_one, of_each = (np.abs(np.where(common, some, 0.0).sum(1)) for some in (values[one], values))
    rounding = CLOSE * np.maximum(of_one, of_each) / np.maximum(seeds, 1)
    means = np.where(common, differences, 0.0).sum(1) / np.maximum(seeds, 1)
    squares = np.where(common, differences - means[:, np.newaxis], 0.0) ** 2
    leads = np.where(np.abs(means) <= rounding, 0.0, means)
    leads = np.where(seeds > 0, leads, np.nan)
    return Paired(leads, seeds, squares.sum(1) / np.maximum(seeds - 1, 1) / 2, rounding)


def foremost(values: Array, enough: int) -> int:
    """Return the row with which all others are compared.

    Over the same seeds that is the one with the best mean. Otherwise pairs decide, each over the
    seeds that both have: the row that the fewest others are ahead of, and of several that which is
    ahead of most. What a third row does cannot change who of two is ahead.

    Args:
        values: (rows, seeds), higher is better; NaN where there is none.
        enough: common seeds from which pairs count first, so that one lucky run is not what
            everybody is compared with.
    """
    here = np.isfinite(values)
    if here.all():
        return _largest(values.mean(1))
    there, known = here.astype(float), np.where(here, values, 0.0)
    keys, means = [], []
    for begin in range(0, len(values), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        seeds = there[some] @ there.T
        own, others = known[some] @ there.T, there[some] @ known.T
        ahead = own - others
        ahead[np.abs(ahead) <= CLOSE * np.maximum(np.abs(own), np.abs(others))] = 0.0
        counts = []
        for least in (enough, 1):
            pairs = seeds >= least
            counts += [-((ahead < 0) & pairs).sum(1), ((ahead > 0) & pairs).sum(1)]
        keys.append(np.stack(counts, axis=1))
        means.append((ahead / np.maximum(seeds, 1)).mean(1))
    ranked = np.concatenate(keys)
    best = max(map(tuple, ranked.tolist()))
    equals = np.flatnonzero((ranked == best).all(1))
    return int(equals[_largest(np.concatenate(means)[equals])])


def _largest(means: Array) -> int:
    """Return the largest mean; of those that are equal up to rounding the first."""
    best = means.max()
    return int(np.argmax(means >= best - CLOSE * np.maximum(np.abs(means), abs(best))))
