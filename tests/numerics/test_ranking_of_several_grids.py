"""Grids with some common seeds are one table with holes, which tells as little for nothing."""

import numpy as np
import pytest

from bptt.comparison.ranking import rank


def told(values):
    """Return the configurations that are said to be worse; of (configurations, seeds)."""
    return set(rank(values).below)


@pytest.mark.parametrize(
    ("alone", "pooled", "seeds"),
    [
        # configurations of each of two grids, of both, and the seeds of each grid
        ((3, 3), 0, (slice(0, 5), slice(2, 7))),
        ((2, 2), 2, (slice(0, 5), slice(5, 10))),
        ((1, 5), 1, (slice(0, 3), slice(0, 10))),
    ],
)
def test_of_equal_configurations_of_two_grids_one_is_rarely_said_to_be_worse(alone, pooled, seeds):
    rng = np.random.default_rng(7)
    first, second = alone
    here = np.zeros((first + second + pooled, 10), dtype=bool)
    here[:first, seeds[0]] = here[first + second :, seeds[0]] = True
    here[first:, seeds[1]] = True

    # a seed is harder than another one by more than runs of one seed differ
    tables = rng.standard_normal((400, *here.shape)) + 2 * rng.standard_normal((400, 1, 10))
    claims = sum(bool(told(np.where(here, table, np.nan))) for table in tables)

    assert claims < 0.06 * 400


def test_of_two_grids_the_better_configuration_is_told_by_the_seeds_that_both_have():
    rng = np.random.default_rng(7)
    here = np.zeros((3, 10), dtype=bool)
    here[0, :7] = here[1, 3:] = here[2] = True

    tables = rng.standard_normal((100, 3, 10)) + 9 * rng.standard_normal((100, 1, 10))
    better = np.array([[5.0], [0.0], [0.0]])
    found = [told(np.where(here, table + better, np.nan)) for table in tables]

    # all are ranked by four and by seven common seeds, and nobody tells which seeds were hard
    assert sum(one == {1, 2} for one in found) > 90
