"""Choosing by some seeds and judging by others."""

import itertools
import math

import numpy as np
import pytest

from bptt.comparison.ranking import rank
from bptt.comparison.tuning import split, tune

NAN = math.nan


def test_each_configuration_takes_its_best_choice_and_is_judged_on_other_seeds():
    values = np.array(
        [
            [[1.0, 2, 9, 9, 9], [3.0, 2, 5, 6, 7], [2.0, 2, 9, 9, 9]],
            [[0.0, 9, 1, 2, 3], [1.0, 1, 0, 0, 0], [2.0, 1, 0, 0, 0]],
        ]
    )

    tuned = tune(values, [0, 1], [2, 3, 4])

    assert tuned.choices == (1, 0)
    assert tuned.judged.tolist() == [[5, 6, 7], [1, 2, 3]]
    # the seeds that chose have no say: 9 is higher
    assert rank(tuned.judged).means == pytest.approx([6, 2])


def test_a_choice_that_lacks_a_hard_seed_is_not_better_for_it():
    # seed 2 costs everybody 10
    values = np.array([[[2.0, 2, -8], [1.5, 1.5, NAN], [1, 1, -9]]])

    assert np.nanmean(values, axis=2).argmax() == 1
    assert tune(values, [0, 1, 2], []).choices == (0,)


def test_what_one_choice_does_to_a_seed_decides_between_no_others():
    # the first is ahead of the second by 0.1 in both seeds that they share; the third went wrong
    # in a seed that only the second shares with it, which least squares would put down to the seed
    values = np.array(
        [[[0.5, 0.5, 0.5, NAN], [0.4, 0.4, NAN, 0.4], [0.3, 0.3, 0.3, -1e5], [NAN, 0.2, 0.2, 0.2]]]
    )

    for rows in itertools.permutations(range(4)):
        (taken,) = tune(values[:, rows], [0, 1, 2, 3], []).choices
        assert rows[taken] == 0


@pytest.mark.parametrize("wild", [-1e5, -1e9, -1e15])
def test_a_choice_far_from_all_others_makes_no_two_of_them_equal(wild):
    values = np.array([[[0.5] * 3, [0.6] * 3, [wild] * 3]])

    tuned = tune(values, [0, 1, 2], [])

    assert (tuned.choices, tuned.tied) == ((1,), (False,))
    assert rank(values[0]).foremost == 1


def test_among_equal_choices_other_values_count_on_seeds_in_common():
    values = np.ones((1, 2, 3))
    # ahead by 1 in both seeds that they share, though its mean is lower
    other = np.array([[[2.0, 2, -8], [1, 1, NAN]]])

    assert tune(values, [0, 1, 2], [], other).choices == (0,)


def test_a_choice_with_half_of_its_values_or_fewer_is_not_taken():
    values = np.array([[[9.0, NAN, NAN, 9], [1, 1, 1, NAN]], [[NAN] * 4, [NAN, NAN, 1, 1]]])

    tuned = tune(values, [0, 1, 2, 3], [])

    assert (tuned.choices, tuned.among) == ((1, None), ((1,), ()))


def test_other_values_choose_among_equal_ones_and_what_stays_equal_is_said():
    values = np.array([[[1.0], [2], [2]], [[2.0], [2], [1]]])
    other = np.array([[[9.0], [1], [3]], [[5.0], [5], [9]]])

    tuned = tune(values, [0], [], other)

    assert (tuned.choices, tuned.tied) == ((2, 0), (False, True))


def test_equal_choices_are_told_by_their_order_even_up_to_rounding():
    assert tune(np.array([[[0.5], [1 - 1e-12], [1.0]]]), [0], []).choices == (1,)


def test_fewer_than_three_seeds_to_judge_on_decide_nothing():
    values = np.arange(24.0).reshape(2, 2, 6)

    assert not tune(values, [0, 1, 2, 3], [4, 5]).decides
    assert tune(values, [0, 1, 2], [3, 4, 5]).decides


def test_a_configuration_without_a_choice_is_not_ranked():
    values = np.array([[[1.0, 1, 1, 1]], [[NAN, 5, 5, 5]], [[2.0, 2, 2, 2.1]]])

    tuned = tune(values, [0], [1, 2, 3])

    assert tuned.choices == (0, None, 0)
    assert rank(tuned.judged).apart == (1,)


def test_a_seed_cannot_both_choose_and_judge():
    with pytest.raises(ValueError, match=r"must not be tuned on, got \[1\] in both"):
        tune(np.zeros((1, 2, 3)), [0, 1], [1, 2])


@pytest.mark.parametrize(("seeds", "tuning", "judging"), [(5, 5, 0), (6, 3, 3), (9, 4, 5)])
def test_the_first_half_of_the_seeds_chooses_if_there_are_six(seeds, tuning, judging):
    first, second = split(seeds)

    assert (len(first), len(second)) == (tuning, judging)
    assert [*first, *second] == list(range(seeds))


def test_the_mean_on_the_seeds_that_chose_is_too_high_and_on_others_it_is_not():
    runs = np.random.default_rng(2).standard_normal((3000, 6, 8))

    first, second = split(8)
    tuned = tune(runs, first, second)

    rows = np.arange(len(runs)), np.array(tuned.choices)
    on_the_same = runs[rows][:, list(first)].mean()
    # the largest of six standard normals has the mean 1.267
    assert on_the_same == pytest.approx(1.267 / math.sqrt(4), abs=0.03)
    assert tuned.judged.mean() == pytest.approx(0, abs=0.03)
