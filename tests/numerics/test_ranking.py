"""Which configurations are told from the best: cases by hand, and what must not matter."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import studentized_range, t, ttest_rel

from bptt.comparison.additive import connected, fit
from bptt.comparison.ranking import rank, seeds_to_tell, t_quantile, tellable
from bptt.comparison.studentized import range_quantile

NAN = math.nan
FEW = [NAN] * 3
CASES = {
    "two": ([[0.9, 0.8, 0.85], [0.7, 0.62, 0.69]], {1: (0.18, 0.0496828, True)}),
    "too wide a spread hides a steady one that is worse": (
        [[1, 1, 1], [1, 0.3, 0.66], [0.5, 0.48, 0.52]],
        {1: (0.346667, 1.2541, False), 2: (0.5, 0.580378, False)},
    ),
    "five easy seeds that only one has do not make it best": (
        [
            [-1.03, -1.06, -1.05, -1.07, -1.06, -0.45, -0.5, -0.46, -0.48, -0.47],
            [-1.0, -1.03, -1.03, -1.05, -1.03, *[NAN] * 5],
        ],
        {0: (0.026, 0.00680087, True)},
    ),
    "the second is told once those of wide spread are away": (
        [
            [10, 11, 12, 10.5, 11.5],
            [9, 9.8, 11.1, 9.4, 10.2],
            [0, 4, -4, 2, -2],
            [1, -5, 3, 0, 4],
        ],
        {1: (1.1, 0.196324, True), 2: (11, 5.77007, True), 3: (10.4, 5.18992, True)},
    ),
    "the best three have three seeds more": (
        [
            [0.9, 0.92, 0.91, 0.93, 0.92, 0.91, 0.93, 0.92],
            [0.89, 0.905, 0.9, 0.915, 0.91, 0.895, 0.915, 0.91],
            [0.7, 0.72, 0.69, 0.71, 0.7, 0.7, 0.71, 0.69],
            [0.68, 0.73, 0.7, 0.69, 0.72, *FEW],
        ],
        {
            1: (0.0125, 0.00223436, True),
            2: (0.215, 0.0139410, True),
            3: (0.212, 0.0300686, True),
        },
    ),
    "six alike": (
        np.random.default_rng(42).standard_normal((6, 5)),
        {
            0: (0.862651, 1.95655, False),
            1: (1.13568, 1.51038, False),
            3: (0.787774, 1.62767, False),
            4: (0.708816, 1.66379, False),
            5: (0.38576, 1.42591, False),
        },
    ),
    "equal to the best and told from two others": (
        [[1, 1, 1], [1, 1, 1], [0.47, 0.49, 0.51], [0.51, 0.5, 0.49]],
        {1: (0, 0, False), 2: (0.51, 0.0716532, True), 3: (0.5, 0.0358266, True)},
    ),
    "no spread at all": ([[1] * 5, [0.5] * 5], {1: (0.5, 0, True)}),
    "updates to solve, one unsolved with twice the budget": (
        -np.log([[350, 400, 400, 450, 350], [750, 800, 700, 750, 800], [2000] * 5]),
        {1: (0.670481, 0.2084, True), 2: (1.63929, 0.165944, True)},
    ),
    "two diverged": (
        [[-0.02, -0.02, -0.02, -0.17, -0.17], [-0.05, -0.051, -0.05, -0.051, -0.05]],
        {0: (0.0296, 0.101902, False)},
    ),
}


@pytest.mark.parametrize(("values", "expected"), CASES.values(), ids=CASES.keys())
def test_leads_and_what_they_need_are_those_of_an_independent_reference(values, expected):
    ranking = rank(np.array(values, float))

    found = {i: (lead.lead, lead.needed, lead.told) for i, lead in ranking.leads.items()}
    assert found == {i: pytest.approx(one, rel=1e-5, abs=1e-9) for i, one in expected.items()}
    assert set(ranking.below) == {i for i, (_, _, told) in expected.items() if told}


def test_two_seeds_tell_nothing():
    ranking = rank(np.array([[0.99, 0.97], [0.98, 0.96]]))

    assert ranking.top == (0, 1)
    assert (ranking.leads[1].needed, ranking.leads[1].told) == (math.inf, False)


def test_configurations_without_a_common_seed_are_not_compared():
    ranking = rank(np.array([[1.0, 2, 3, *FEW], [*FEW, 7, 8, 9]]))

    assert (ranking.top, ranking.below, ranking.apart) == ((0,), (), (1,))
    assert ranking.leads == {}


def test_a_pair_that_mirrors_each_other_has_its_own_wider_spread():
    ranking = rank(np.array([[3.0, 5, 3, 5], [2.9, 0.9, 2.9, 0.9], [2, 2.1, 2, 1.9]]))

    # of the difference of two runs, over the square root of two
    assert ranking.leads[1].spread == pytest.approx(np.sqrt(16 / 3 / 2))
    assert ranking.leads[1].needed == pytest.approx(4.822647)
    assert ranking.leads[2].spread < 1.2


def test_of_means_equal_up_to_rounding_the_first_of_the_file_is_the_best():
    ranking = rank(np.array([[0.5] * 3, [1 - 1e-12] * 3, [1.0] * 3]))

    assert (ranking.foremost, ranking.top, ranking.below) == (1, (1, 2), (0,))


def told(values):
    return set(rank(values).below)


tables = st.builds(
    lambda seed, configs, seeds, lead: (
        np.random.default_rng(seed).standard_normal((configs, seeds))
        + lead * np.arange(configs)[:, np.newaxis]
    ),
    st.integers(0, 2**32 - 1),
    st.integers(2, 7),
    st.integers(3, 8),
    st.sampled_from([0.0, 1.0, 3.0]),
)
holes = st.integers(0, 2**32 - 1)


def lacking(values, hole):
    missing = np.random.default_rng(hole).random(values.shape) < 0.2
    return np.where(missing, NAN, values)


@settings(max_examples=40, deadline=None)
@given(tables, holes, st.floats(-100, 100), st.floats(1e-3, 1e3))
def test_a_harder_seed_and_another_unit_change_no_verdict(values, hole, constant, scale):
    values = lacking(values, hole)
    before, changed = rank(values), values.copy()
    changed[:, 0] += constant

    after = rank(scale * changed)

    assert (after.top, after.below, after.apart) == (before.top, before.below, before.apart)
    for other, lead in before.leads.items():
        expected = [scale * lead.lead, scale * lead.needed]
        got = after.leads[other]
        assert [got.lead, got.needed] == pytest.approx(
            expected, rel=1e-6, abs=1e-9 * scale, nan_ok=True
        )


@settings(max_examples=40, deadline=None)
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_seeds_and_configurations_does_not_matter(values, random):
    rows, columns = (random.sample(range(n), n) for n in values.shape)

    ranking = rank(values[rows][:, columns])

    before = rank(values)
    assert [rows[i] for i in ranking.top] == list(before.top)
    assert [rows[i] for i in ranking.below] == list(before.below)


@settings(max_examples=40, deadline=None)
@given(tables)
def test_on_complete_data_means_are_plain_and_a_lead_is_told_if_it_is_more_than_needed(values):
    ranking = rank(values)

    assert ranking.means == pytest.approx(values.mean(1))
    assert not ranking.unequal
    for other, lead in ranking.leads.items():
        assert lead.told == (lead.lead > lead.needed) == (other in ranking.below)


def test_two_configurations_are_compared_by_a_paired_t_test():
    rng, both = np.random.default_rng(3), []
    for _ in range(200):
        values = rng.standard_normal((2, 5)) + np.array([[1.0], [0.0]])
        significant = ttest_rel(*values).pvalue < 0.05
        assert bool(told(values)) == significant
        both.append(significant)

    assert 20 < sum(both) < 180


def test_of_six_equal_configurations_one_is_rarely_said_to_be_worse():
    rng = np.random.default_rng(7)

    claims = sum(bool(told(rng.standard_normal((6, 5)))) for _ in range(400))

    # 95 % intervals of each difference: 33 %
    assert 0 < claims < 0.09 * 400


@pytest.mark.parametrize(("groups", "df"), [(2, 1), (2, 2), (3, 4), (6, 10), (20, 76), (100, 198)])
def test_quantiles_of_the_studentized_range_are_scipys(groups, df):
    assert range_quantile(groups, df) == pytest.approx(
        studentized_range.ppf(0.95, groups, df), rel=1e-5
    )


def test_quantiles_of_t_are_scipys():
    assert t_quantile(4, 0.9875) == pytest.approx(t.ppf(0.9875, 4), rel=1e-12)


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (5, 5)])
def test_means_and_variances_with_holes_are_those_of_least_squares(shape):
    values = np.random.default_rng(5).standard_normal(shape)
    row, column = np.indices(shape)
    values[(3 * row + 5 * column) % 7 == 0] = NAN
    assert len(connected(np.isfinite(values))) == shape[0]
    # a seed that one configuration alone has
    alone = np.full((shape[0], 1), NAN)
    alone[0] = 50.0

    model = fit(np.hstack([values, alone]))

    config, seed = np.nonzero(np.isfinite(values))
    design = np.hstack([np.eye(shape[0])[config], np.eye(shape[1])[seed]])
    y = values[config, seed]
    found, _, order, _ = np.linalg.lstsq(design, y)
    hat = design @ np.linalg.pinv(design)
    own = config == np.arange(shape[0])[:, np.newaxis]
    freedom = own @ (1 - np.diag(hat))
    assert model.means == pytest.approx(found[: shape[0]] + found[shape[0] :].mean())
    assert model.df == len(y) - order
    assert model.freedom == pytest.approx(freedom)
    assert model.variances == pytest.approx(own @ (y - design @ found) ** 2 / freedom)


@pytest.mark.parametrize(
    ("groups", "seeds", "lead"),
    [(2, 3, 4.4), (2, 10, 1.4), (3, 5, 2.8), (6, 5, 2.8), (12, 8, 2.1), (20, 20, 1.4)],
)
def test_the_lead_that_can_be_told_is_in_the_published_table(groups, seeds, lead):
    assert tellable(groups, seeds) == pytest.approx(lead, abs=0.05)


@pytest.mark.parametrize(("groups", "seeds"), [(2, 5), (6, 10)])
def test_the_lead_that_can_be_told_is_told_in_four_of_five_tables(groups, seeds):
    rng, lead = np.random.default_rng(11), np.zeros((groups, 1))
    lead[0] = tellable(groups, seeds)

    shares = [
        len(told(lead + rng.standard_normal((groups, seeds)))) / (groups - 1) for _ in range(300)
    ]

    assert 0.7 < np.mean(shares) < 0.9


def test_seeds_to_tell_are_the_fewest_that_do():
    for groups, lead in ((2, 1.0), (6, 2.0), (20, 0.5)):
        seeds = seeds_to_tell(groups, 3 * lead, 3.0)
        assert tellable(groups, seeds) <= lead < tellable(groups, seeds - 1)

    assert seeds_to_tell(6, 100.0, 1.0) == 3
    assert seeds_to_tell(6, 0.0, 1.0) is None
