"""Leads where configurations have different seeds: of pairs alone, whatever others do elsewhere."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import studentized_range, t

from bptt.comparison.pairs import foremost, paired
from bptt.comparison.ranking import SEEDS_TO_TELL, rank

NAN = math.nan


def differences(values, one, other):
    both = np.isfinite(values[one]) & np.isfinite(values[other])
    return (values[one] - values[other])[both]


def by_hand(values):
    """Return the first row, and (lead, needed) of each, pair by pair and by a general solver."""
    rows = range(len(values))
    enough = {
        pair: differences(values, *pair)
        for pair in ((i, j) for i in rows for j in rows if i != j)
        if len(differences(values, *pair)) >= 3
    }
    first = max(
        rows,
        key=lambda i: (
            -sum(d.mean() < 0 for (one, _), d in enough.items() if one == i),
            sum(d.mean() > 0 for (one, _), d in enough.items() if one == i),
        ),
    )
    held = values[:, np.isfinite(values[first])]
    held = held[:, np.isfinite(held).sum(0) > 1]
    config, seed = np.nonzero(np.isfinite(held))
    design = np.hstack([np.eye(len(rows))[config], np.eye(held.shape[1])[seed]])
    hat = design @ np.linalg.pinv(design)
    residuals = (np.eye(len(hat)) - hat) @ held[config, seed]
    df = len(config) - np.linalg.matrix_rank(design)
    freedom = np.array([(1 - np.diag(hat))[config == i].sum() for i in rows])
    own = np.array([(residuals[config == i] ** 2).sum() for i in rows]) / freedom
    k, found = len(rows), {}
    for other in rows:
        if other == first:
            continue
        d = differences(values, first, other)
        wide = own >= min(own[first], own[other])
        pool = (own * freedom)[wide].sum() / freedom[wide].sum()
        variance = max(d.var(ddof=1) / 2, pool)
        range_ = studentized_range.ppf(0.95, k, df)
        pairs = math.sqrt(2) * t.isf(0.05 / (k * (k - 1)), df)
        needed = max(
            max(range_, pairs) * math.sqrt(variance / len(d)),
            t.ppf(0.9875, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d)),
        )
        found[other] = d.mean(), needed
    return first, found


@pytest.mark.parametrize("draw", range(8))
def test_leads_and_what_they_need_are_those_found_pair_by_pair(draw):
    rng = np.random.default_rng(draw)
    values = rng.standard_normal((4, 9)) + 3 * rng.standard_normal(9)
    values[rng.random(values.shape) < 0.2] = NAN
    assert min(len(differences(values, *pair)) for pair in combinations(range(4), 2)) >= 3

    ranking = rank(values)

    first, expected = by_hand(values)
    assert ranking.foremost == first
    # of nobody who was told, so that all are still there
    assert not ranking.below
    found = {other: (lead.lead, lead.needed) for other, lead in ranking.leads.items()}
    assert found == {other: pytest.approx(one, rel=1e-4) for other, one in expected.items()}


def three():
    """Return three rows: the first two share five seeds, and the third has three of them."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal((3, 10)) + np.array([[4.0], [0.0], [1.0]])
    values[:2, 5:] = NAN
    values[2, :2] = NAN
    return values


def test_a_lead_does_not_move_by_what_a_third_one_does_in_seeds_that_neither_has():
    calm, erratic = three(), three()
    erratic[2, 5:] = [1e5, -1e5, 3e5, -1e7, 1e5]

    before, after = rank(calm), rank(erratic)

    assert before.leads[1] == after.leads[1]
    assert before.leads[1].lead == pytest.approx(differences(calm, 0, 1).mean())
    assert (before.top, before.below) == (after.top, after.below)


def test_a_lead_does_not_move_by_what_a_third_one_does_in_the_same_seeds():
    calm, erratic = three(), three()
    erratic[2, 2:5] = [-1e5, -3e5, -1e5]

    before, after = rank(calm), rank(erratic)

    assert after.leads[1].lead == before.leads[1].lead
    assert after.leads[1].seeds == 5


def test_means_are_of_own_values_however_far_off_another_one_is():
    values = np.random.default_rng(5).random((4, 8))
    values[0, 1::2] = -1e5
    values[1, ::2] = values[2, 3:] = NAN

    ranking = rank(values)

    assert ranking.means == pytest.approx(np.nanmean(values, axis=1))
    assert ranking.unequal


def test_who_is_ahead_of_all_on_common_seeds_comes_first_though_its_own_mean_is_less():
    hard, easy = [0.1, 0.2, 0.1, 0.15], [0.9, 0.8, 0.9, 0.9]
    values = np.array([[x - 0.05 for x in hard] + easy, [*hard, *[NAN] * 4], [*[NAN] * 4, *easy]])
    values[2] -= 0.02

    ranking = rank(values)

    # the first is behind on the hard ones, whatever it does on easy ones
    assert (ranking.top, ranking.below) == ((1, 2), (0,))
    assert math.isnan(ranking.leads[2].lead)
    assert (ranking.leads[2].seeds, ranking.leads[2].told) == (0, False)


def test_one_lucky_run_is_not_what_everybody_is_compared_with():
    good, bad = [0.9, 0.91, 0.92, 0.9, 0.9], [0.1, 0.12, 0.11, 0.1, 0.13]

    ranking = rank(np.array([good, bad, [0.99, *[NAN] * 4]]))

    assert (ranking.foremost, ranking.below) == (0, (1,))
    # and yet it is not said to be behind
    assert ranking.ahead_of_it == (2,)
    assert ranking.leads[2].lead == pytest.approx(-0.09)


def test_where_each_is_ahead_of_one_and_behind_another_nobody_is_the_best():
    circle = np.array(
        [
            [2.0, 2.1, 2.2, *[NAN] * 3, 1.0, 1.1, 0.9],
            [1.0, 1.1, 1.3, 2.0, 2.2, 2.1, *[NAN] * 3],
            [*[NAN] * 3, 1.0, 1.1, 1.2, 2.0, 2.2, 2.1],
        ]
    )

    ranking = rank(circle)

    assert len(ranking.ahead_of_it) == 1
    assert set(ranking.ahead_of_it) <= set(ranking.top)
    assert ranking.leads[ranking.ahead_of_it[0]].lead < 0


def test_on_the_same_seeds_the_best_mean_comes_first():
    for draw in range(50):
        values = np.random.default_rng(draw).standard_normal((6, 4))
        lacking = np.hstack([values, np.full((6, 1), NAN)])
        lacking[2, 4] = 100.0

        best = int(values.mean(1).argmax())
        assert foremost(values, SEEDS_TO_TELL) == best
        # by pairs, as a seed that one alone has pairs nobody
        assert foremost(lacking, SEEDS_TO_TELL) == best


def test_more_rows_than_are_compared_at_once_have_the_same_first():
    values = np.random.default_rng(1).standard_normal((1200, 6))
    values[np.random.default_rng(2).random(values.shape) < 0.1] = NAN
    leads = np.array([paired(values, one).leads for one in range(len(values))])
    common = np.array([paired(values, one).seeds for one in range(len(values))])

    first = foremost(values, SEEDS_TO_TELL)

    losses = ((leads < 0) & (common >= SEEDS_TO_TELL)).sum(1)
    assert losses[first] == losses.min()


@pytest.mark.parametrize("erratic", [False, True])
def test_of_equal_configurations_with_seeds_in_part_of_their_own_one_is_rarely_told(erratic):
    rng, place = np.random.default_rng(11), np.arange(9)
    begin = np.arange(6)[:, np.newaxis] % 5
    here = (place >= begin) & (place < begin + 5)
    tables = rng.standard_normal((400, 6, 9)) + 2 * rng.standard_normal((400, 1, 9))
    if erratic:
        tables[:, 0] *= 1e5

    claims = sum(bool(rank(np.where(here, table, NAN)).below) for table in tables)

    assert claims < 0.06 * 400
