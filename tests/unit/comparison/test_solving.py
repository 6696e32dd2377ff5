"""The share of runs solved over updates, against published figures, scipy and simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bptt.comparison.interval import rate_interval
from bptt.comparison.point import ComparedPoint
from bptt.comparison.time_to_solve import share_over_time, solving

REMISSION = "6* 6 6 6 7 9* 10* 10 11* 13 16 17* 19* 20* 22 23 25* 32* 32* 34* 35*"
"""Weeks in remission with 6-mercaptopurine, * censored (Freireich et al. 1963; Cox 1972)."""


def sample(text):
    return (
        np.array([float(word.rstrip("*")) for word in text.split()]),
        np.array([not word.endswith("*") for word in text.split()]),
    )


def test_the_estimate_is_that_of_a_published_example():
    times, happened = sample(REMISSION)

    at, share, _, _ = share_over_time(times, happened)

    # e.g. Kleinbaum & Klein, Survival Analysis, table 2.3
    assert at.tolist() == [0, 6, 7, 10, 13, 16, 22, 23]
    published = [1, 0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    assert (1 - share).tolist() == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_estimate_is_scipys(seed):
    rng = np.random.default_rng(seed)
    times, until = rng.integers(1, 12, 30), rng.integers(1, 15, 30)
    happened = times <= until
    seen = np.minimum(times, until)

    at, share, _, _ = share_over_time(seen.astype(float), happened)

    data = stats.CensoredData(uncensored=seen[happened], right=seen[~happened])
    assert share == pytest.approx(stats.ecdf(data).cdf.evaluate(at))


def test_without_censoring_the_limits_are_those_of_a_rate():
    times = np.array([3.0, 3.0, 5.0, 8.0, 10.0, 10.0])
    happened = np.array([True, True, True, True, False, False])

    at, share, low, high = share_over_time(times, happened)

    assert at.tolist() == [0, 3, 5, 8]
    for number, solved in enumerate((0, 2, 3, 4)):
        found = rate_interval(solved, 6)
        expected = (found.estimate, found.low, found.high)
        assert (share[number], low[number], high[number]) == pytest.approx(expected)


def test_the_limits_are_not_of_width_zero_once_all_have_solved():
    times, everyone = np.array([2.0, 4.0, 6.0]), np.ones(3, dtype=bool)

    _, share, low, high = share_over_time(times, everyone)

    found = rate_interval(3, 3)
    assert (share[-1], low[-1], high[-1]) == pytest.approx((1, found.low, found.high))


def test_limits_with_censoring_have_greenwoods_variance():
    times, happened = sample(REMISSION)

    _, (_, _, _, share, *_), low, high = share_over_time(times, happened)

    # Wilson's interval of as many trials as have the published standard error after 10 weeks
    n, z = share * (1 - share) / 0.0963**2, stats.norm.ppf(0.975)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert (low[3], high[3]) == pytest.approx((centre - reach, centre + reach), abs=1e-3)


@pytest.mark.parametrize(("n", "least"), [(5, 0.93), (10, 0.93), (20, 0.93)])
def test_the_limits_contain_the_truth_in_95_of_100_experiments(n, least):
    """Exponential times, a third of the runs stopped early; the mean over the first 90 % solved."""
    rng = np.random.default_rng(0)
    where = np.linspace(0.1, 2.3, 12)
    truth = 1 - np.exp(-where)
    inside = np.zeros(len(where))
    for _ in range(2000):
        times, until = rng.exponential(1, n), np.minimum(rng.exponential(6, n), 2.5)
        at, _, low, high = share_over_time(np.minimum(times, until), times <= until)
        place = np.searchsorted(at, where, side="right") - 1
        inside += (low[place] <= truth) & (truth <= high[place])
    coverage = inside / 2000
    assert coverage.mean() > least
    assert coverage.min() > 0.88


def point(number, outcome, step, solved_at=None, seed=None):
    result = {"outcome": outcome, "step": step, "solved_at": solved_at, "metrics": {}}
    return ComparedPoint("a", number if seed is None else seed, "succeeded", result)


def test_runs_count_until_they_ended_and_diverged_ones_to_the_last_update():
    points = [
        point(0, "solved", 20, 20),
        # trained on after it had solved the task
        point(1, "finished", 100, 50),
        point(2, "time_limit", 40),
        point(3, "diverged", 10),
        ComparedPoint("a", 4, "failed", None),
    ]

    found = solving(points, 100.0)

    assert found.n == 4
    assert found.updates.tolist() == [0, 20, 50, 100]
    # one of four, then one of the two that are left
    assert found.share.tolist() == pytest.approx([0, 0.25, 0.625, 0.625])
    assert found.left.tolist() == [40]


def test_a_curve_ends_at_the_budget_of_its_runs_though_others_made_more_updates():
    points = [point(0, "solved", 20, 20), point(1, "finished", 60)]
    points = [replace(one, budget=60) for one in points]

    found = solving(points, 100.0)

    assert found.updates.tolist() == [0, 20, 60]
    # they ended because their updates were used up, as all of them did
    assert found.left.tolist() == []
    assert solving(points, 40.0).updates[-1] == 60


def test_runs_of_one_seed_are_not_as_many_observations():
    alone = [point(n, "solved", 10, 10 * n + 10) for n in range(5)]
    doubled = [p for n in range(5) for p in [point(n, "solved", 10, 10 * n + 10, seed=n)] * 2]

    once, twice = solving(alone, 100.0), solving(doubled, 100.0)

    assert (once.n, twice.n) == (5, 5)
    assert twice.low == pytest.approx(once.low)
    assert twice.high == pytest.approx(once.high)


def test_what_has_not_ended_is_nothing_to_draw():
    assert solving([ComparedPoint("a", 0, "running", None)], 100.0) is None


@pytest.mark.parametrize("n", [3, 5, 7, 10, 13, 30])
def test_the_interval_of_none_begins_at_zero_and_that_of_all_ends_at_one_without_rounding(n):
    assert (rate_interval(0, n).low, rate_interval(n, n).high) == (0.0, 1.0)
    assert rate_interval(0, n).high > 0
    assert rate_interval(n, n).low < 1

    _, _, low, high = share_over_time(np.arange(1.0, n + 1), np.ones(n, bool))

    assert (low[0], high[-1]) == (0.0, 1.0)
