import pytest

from bptt.comparison import ComparedPoint
from bptt.comparison.interval import mean_interval, rate_interval
from bptt.comparison.table import compare


def result(value, outcome="finished", slope=-0.1, better="higher"):
    return {
        "outcome": outcome,
        "step": 300,
        "metric": "accuracy",
        "better": better,
        "baseline": 0.5,
        "metrics": {"eval/accuracy": value},
        "flow": {"slope": slope},
    }


def test_mean_has_students_interval():
    # by hand: mean 2, s = 1, t(0.975, 2) = 4.302653
    interval = mean_interval([1.0, 2.0, 3.0])

    assert interval.estimate == 2.0
    assert interval.low == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-6)
    assert interval.high == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-6)


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [1.0, 2.0]])
def test_one_or_two_observations_have_no_interval(values):
    assert (mean_interval(values).low, mean_interval(values).high) == (None, None)


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_mean_of_nothing_or_of_what_is_not_a_number_is_refused(values):
    with pytest.raises(ValueError, match="finite values"):
        mean_interval(values)


def test_rate_has_wilsons_interval():
    # Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662
    interval = rate_interval(81, 263)

    assert (interval.low, interval.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (rate_interval(0, 5).low, rate_interval(5, 5).high) == (0.0, 1.0)


def test_best_configuration_comes_first_whichever_way_is_better():
    for better, first in (("higher", "b"), ("lower", "a")):
        points = [
            ComparedPoint("a", 0, "succeeded", result(0.1, better=better)),
            ComparedPoint("b", 0, "succeeded", result(0.9, better=better)),
        ]

        assert compare(points)[0].groups[0].config == first


def test_whatever_became_of_a_point_is_counted():
    points = [
        ComparedPoint("a", 0, "succeeded", result(1.0, "solved")),
        ComparedPoint("a", 1, "succeeded", result(float("nan"), "diverged")),
        ComparedPoint("a", 2, "failed", None),
        ComparedPoint("a", 3, "queued", None),
        ComparedPoint("a", 4, "missing", None),
    ]

    (comparison,) = compare(points)
    (group,) = comparison.groups

    assert group.points == 5
    assert group.counts == {"solved": 1, "diverged": 1, "failed": 1, "queued": 1, "missing": 1}
    assert group.value is not None
    # the one that diverged counts as unsolved: twice the budget
    assert (group.value.estimate, group.value.n) == (pytest.approx((300 * 2000) ** 0.5), 2)
    assert group.survivors.n == 1
    assert group.solved is not None
    assert (group.solved.estimate, group.solved.n) == (0.5, 2)
    assert (comparison.points, comparison.ended) == (5, 2)


def test_runs_that_met_the_rule_and_trained_on_count_as_solved():
    points = [
        ComparedPoint("a", 0, "succeeded", result(1.0) | {"solved_at": 200}),
        ComparedPoint("a", 1, "succeeded", result(0.8, "time_limit") | {"solved_at": 0}),
        ComparedPoint("a", 2, "succeeded", result(0.5) | {"solved_at": None}),
        ComparedPoint("a", 3, "succeeded", result(float("nan"), "diverged") | {"solved_at": 200}),
    ]

    (group,) = compare(points)[0].groups

    assert group.solved is not None
    assert (group.solved.estimate, group.solved.n) == (0.5, 4)
    assert group.counts == {"finished": 2, "time_limit": 1, "diverged": 1}


def test_grid_without_results_still_has_its_rows():
    (comparison,) = compare(
        [ComparedPoint("a", 0, "queued", None), ComparedPoint("b", 0, "failed", None)]
    )

    assert [group.config for group in comparison.groups] == ["a", "b"]
    assert [group.value for group in comparison.groups] == [None, None]


def test_tasks_are_not_compared_with_each_other():
    points = [
        ComparedPoint("a", 0, "succeeded", result(0.9), task="latch"),
        ComparedPoint("a", 0, "succeeded", result(0.2, better="lower"), task="adding"),
    ]

    assert [(c.task, c.better) for c in compare(points)] == [
        ("latch", "higher"),
        ("adding", "lower"),
    ]
