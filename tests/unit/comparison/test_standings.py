"""Who may be best and who is worse, with the interval of each lead."""

import pytest
from scipy import stats

from bptt.comparison.table import compare
from tests.unit.comparison.points import by_config, row


def standings(groups):
    return [(name, group.standing) for name, group in groups.items()]


def test_two_configurations_are_told_by_their_paired_t_test():
    # seeds differ by far more than the two cells do, and by the same in both
    good, bad = [0.2, 0.5, 0.8], [0.19, 0.488, 0.791]

    groups = by_config(row("a", good) + row("b", bad))

    assert standings(groups) == [("a", "best so far"), ("b", "worse")]
    lead = groups["b"].lead
    expected = stats.ttest_rel(good, bad).confidence_interval(0.95)
    assert (lead.low, lead.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert lead.n == 3
    # unpaired, nobody could tell them apart
    assert groups["b"].value.high > groups["a"].value.low


def test_lower_is_better_where_the_task_says_so():
    groups = by_config(
        row("a", [0.9, 0.91, 0.92], better="lower") + row("b", [0.1, 0.11, 0.1], better="lower")
    )

    assert list(groups) == ["b", "a"]
    assert groups["a"].lead.estimate == pytest.approx(0.91 - 0.31 / 3)


def test_seeds_that_not_all_have_neither_order_nor_flatter():
    # case 4 of the specification: the later seeds are easy ones, and only 1e-5 has them
    extended = [1.03, 1.06, 1.05, 1.07, 1.06, 0.45, 0.5, 0.46, 0.48, 0.47]
    short = [1.0, 1.03, 1.03, 1.05, 1.03]

    (comparison,) = compare(
        row("1e-5", extended, better="lower") + row("1e-4", short, better="lower")
    )

    best, other = comparison.groups
    assert (best.config, other.config, other.standing) == ("1e-4", "1e-5", "worse")
    # each of its own runs, whoever else has their seeds
    assert (best.value.estimate, other.value.estimate) == pytest.approx((1.028, 0.763))
    assert (best.value.n, other.value.n) == (5, 10)
    assert other.lead.estimate == pytest.approx(0.026)
    assert other.lead.estimate - other.lead.low == pytest.approx(0.00680087, abs=1e-6)
    assert other.lead.n == 5
    assert (
        "Not the same seeds: means are of each one's own runs; order, leads and verdict are of the "
        "seeds in common with 1e-4, in pairs of one seed. 1e-5 has the better mean of its own "
        "runs, but is not ahead on the 5 seeds in common."
    ) in comparison.notes


def test_extended_configurations_are_compared_with_the_rest_on_common_seeds():
    # case 6 of the specification
    held = {
        "A": [0.9, 0.92, 0.91, 0.93, 0.92, 0.91, 0.93, 0.92],
        "B": [0.89, 0.905, 0.9, 0.915, 0.91, 0.895, 0.915, 0.91],
        "C": [0.7, 0.72, 0.69, 0.71, 0.7, 0.7, 0.71, 0.69],
        "D": [0.68, 0.73, 0.7, 0.69, 0.72],
    }

    groups = by_config([p for name, values in held.items() for p in row(name, values)])

    found = [(g.value.estimate, g.standing) for g in groups.values()]
    assert [name for _, name in found] == ["best so far", "worse", "worse", "worse"]
    assert [value for value, _ in found] == pytest.approx([0.9175, 0.905, 0.704, 0.7025], abs=1e-6)
    assert (groups["D"].lead.estimate, groups["D"].lead.n) == (
        pytest.approx(0.212, abs=1e-6),
        5,
    )
