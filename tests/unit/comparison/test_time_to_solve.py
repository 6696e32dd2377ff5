"""Runs that stop when they have solved their task are compared by how long that took."""

import math
from dataclasses import replace

import pytest

from bptt.comparison import wording
from bptt.comparison.table import compare
from tests.unit.comparison.timed import BUDGET, EVERY, run, runs

GRU, LSTM = [350, 400, 400, 450, 350], [750, 800, 700, 750, 800]
# case 10 of the specification
HELD = runs("lstm", LSTM) + runs("gru", GRU) + runs("rnn", [None] * 5)


def test_the_faster_one_is_best_however_far_below_the_threshold_the_other_one_stopped():
    (comparison,) = compare(HELD)

    assert (comparison.metric, comparison.better, comparison.ratio) == ("updates", "lower", True)
    gru, lstm, rnn = comparison.groups
    assert [g.config for g in comparison.groups] == ["gru", "lstm", "rnn"]
    assert [g.standing for g in comparison.groups] == ["best so far", "worse", "worse"]
    assert gru.value.estimate == pytest.approx(math.exp(5.96161), rel=1e-5)
    assert lstm.value.estimate == pytest.approx(math.exp(6.63209), rel=1e-5)
    # unsolved: twice the budget
    assert rnn.value.estimate == pytest.approx(2 * BUDGET)
    lead = lstm.lead
    assert (lead.estimate, lead.low, lead.high) == pytest.approx((1.955, 1.587, 2.408), abs=2e-3)
    assert comparison.verdict == (
        "gru is better than both others (95 % for all of these statements together)."
    )
    assert wording.columns(comparison)[4] == "times as many"
    assert wording.cells(comparison, lstm)[4] == "1.96 [1.59, 2.41]"
    assert comparison.best_run.value == 350


def test_median_is_of_all_runs_and_beyond_the_budget_where_most_did_not_solve_the_task():
    half = runs("half", [200, None, None, 300, 250])
    few = runs("few", [200, None, None, None, 250])

    (comparison,) = compare(half + few)

    groups = {group.config: group for group in comparison.groups}
    assert (groups["half"].median, groups["few"].median) == (300, None)
    assert wording.cells(comparison, groups["few"])[5] == "> 1,000"
    assert (groups["half"].solved.estimate, groups["few"].solved.estimate) == (0.6, 0.4)
    assert any(
        "5 runs did not solve it: each counts as 2,000, twice the budget, whatever" in n
        for n in comparison.notes
    )


def test_a_step_of_one_evaluation_between_runs_without_spread_is_not_told():
    # each is known to 50 updates only, so 50 and 100 may as well be 50 and 51
    (coarse,) = compare(runs("a", [50] * 3) + runs("b", [100] * 3))
    fine = [replace(one, evaluate_every=1) for one in runs("a", [50] * 3) + runs("b", [100] * 3)]
    (exact,) = compare(fine)

    assert [group.standing for group in coarse.groups] == ["best so far", "may be best"]
    assert [group.standing for group in exact.groups] == ["best so far", "worse"]


def test_last_values_of_runs_that_stopped_are_shown_and_rank_nobody():
    (comparison,) = compare(HELD, metrics=["mse"])

    assert {group.standing for group in comparison.groups} == {""}
    assert [group.config for group in comparison.groups] == ["lstm", "gru", "rnn"]
    assert comparison.verdict.startswith("Not ranked: 10 of 15 runs stopped at the threshold")


def test_seconds_until_solved_are_ranked_by_their_ratios():
    slow = runs("gru", GRU, seconds_per_update=0.1) + runs("lstm", LSTM, seconds_per_update=0.01)

    (comparison,) = compare(slow, metrics=["seconds"])

    best, other = comparison.groups
    assert (best.config, other.config, other.standing) == ("lstm", "gru", "worse")
    assert best.value.estimate == pytest.approx(math.exp(6.63209) * 0.01, rel=1e-5)
    assert other.lead.estimate == pytest.approx(10 / 1.955, rel=1e-3)
    assert wording.columns(comparison)[4] == "times as long"


def test_runs_that_trained_on_are_timed_until_they_solved_the_task():
    on = [run("a", s, 400, outcome="finished", ended=BUDGET) for s in range(3)]

    (comparison,) = compare(on)
    (by_updates,) = compare(on, metrics=["step"])
    (by_seconds,) = compare(on, metrics=["seconds"])

    # their last value is worth as much as any other
    assert comparison.metric == "mse"
    assert by_updates.groups[0].value.estimate == pytest.approx(400)
    assert by_seconds.groups[0].value.estimate == pytest.approx(4.0)


def test_where_none_solved_its_task_nobody_is_ranked_by_time():
    none = runs("a", [None] * 3) + runs("b", [None] * 3, seconds_per_update=0.03)

    (by_updates,) = compare(none, metrics=["updates"])
    (by_seconds,) = compare(none, metrics=["seconds"])

    assert by_updates.verdict == "Not ranked: none solved the task."
    assert {group.standing for group in by_updates.groups} == {""}
    # which cell is faster says nothing of which one learns
    assert by_seconds.verdict == (
        "Not ranked: none solved the task, so these are seconds for 1,000 updates: what they cost "
        "on the machine that each run had, whatever came of it (as a speed: --metric "
        "steps_per_second)."
    )
    assert [group.standing for group in by_seconds.groups] == ["", ""]
    assert [group.value.estimate for group in by_seconds.groups] == pytest.approx([10, 30])


def test_runs_of_different_lengths_that_solved_nothing_name_their_updates():
    none = runs("a", [None] * 3) + runs("b", [None] * 3, ended=400)

    (by_seconds,) = compare(none, metrics=["seconds"])

    assert "seconds for 400 to 1,000 updates" in by_seconds.verdict


def test_runs_that_all_count_as_twice_the_budget_have_no_interval_nor_has_their_lead():
    (comparison,) = compare(HELD)
    (by_seconds,) = compare(HELD, metrics=["seconds"])

    for found in (comparison, by_seconds):
        (rnn,) = [group for group in found.groups if group.config == "rnn"]
        assert rnn.standing == "worse"
        assert (rnn.value.low, rnn.value.high, rnn.lead.low, rnn.lead.high) == (None,) * 4
        # 0 of 5 is told by Wilson's interval
        assert (rnn.solved.estimate, rnn.solved.high) == (0, pytest.approx(0.434, abs=1e-3))
        # 1 - 0.05 ** (1 / 5)
        assert (
            "No interval for rnn: all seeds are alike, or no run has a value of its own. 5 such "
            "seeds do not rule out that up to 45 % of runs are otherwise (one-sided, 95 %)."
        ) in found.notes


def test_a_time_that_is_known_to_an_evaluation_is_not_known_without_error():
    (comparison,) = compare(runs("a", [2 * EVERY] * 5))

    (group,) = comparison.groups
    # uniform between two evaluations: a variance of (1 / 2)^2 / 12 of the logarithm
    reach = 2.776445 * math.sqrt(1 / 4 / 12 / 5)
    assert (group.value.low, group.value.high) == pytest.approx(
        (2 * EVERY * math.exp(-reach), 2 * EVERY * math.exp(reach)), rel=1e-5
    )
    assert (
        "Times are those of the evaluation that found the task solved, one every 50 updates."
        in comparison.notes
    )


def test_a_time_solved_by_the_first_evaluation_is_at_most_that_and_has_no_interval():
    (comparison,) = compare(runs("a", [EVERY] * 5) + runs("b", [EVERY] * 4 + [4 * EVERY]))

    a, b = comparison.groups
    assert a.at_first_evaluation
    assert wording.cells(comparison, a)[3] == "<= 50"
    assert wording.cells(comparison, a)[5] == "<= 50"
    # no mean of evaluations is below the first one
    spread = math.log(4) / math.sqrt(5)
    high = EVERY * 4**0.2 * math.exp(2.776445 * spread / math.sqrt(5))
    assert not b.at_first_evaluation
    assert (b.value.low, b.value.high) == (EVERY, pytest.approx(high))
    said = " ".join(comparison.notes)
    assert "all runs of a solved it by the first, so it took at most that." in said


def test_no_interval_of_a_time_to_solve_goes_beyond_what_unsolved_runs_count_as():
    (comparison,) = compare(runs("a", [900, None, None, None, None]) + runs("b", [50] * 5))

    (a,) = [group for group in comparison.groups if group.config == "a"]
    assert a.value.high == 2 * BUDGET


def test_unsolved_runs_count_as_twice_the_budget_whichever_seeds_a_configuration_lacks():
    held = runs("a", [100, 200, 400, 800]) + runs("b", [None] * 4)
    (comparison,) = compare([one for one in held if (one.config, one.seed) != ("b", 0)])

    (b,) = [group for group in comparison.groups if group.config == "b"]
    assert b.value.estimate == pytest.approx(2 * BUDGET)
    assert b.value.n == 3


def test_seconds_of_unsolved_runs_are_none_of_their_own_machine():
    slow = runs("slow", [None] * 5, seconds_per_update=0.05)
    noisy = [run("noisy", s, None, seconds_per_update=0.01 * (1 + s)) for s in range(5)]
    some = runs("some", [400, 500, None, 450, 400])

    (comparison,) = compare(slow + noisy + some, metrics=["seconds"])

    groups = {group.config: group for group in comparison.groups}
    # twice 1000 updates of the slowest
    for name in ("slow", "noisy"):
        assert groups[name].value.estimate == pytest.approx(100)
        assert (groups[name].value.low, groups[name].lead.low) == (None, None)
    assert groups["some"].standing == "best so far"
    assert any(
        "twice the longest that any run took for 1,000 updates, whatever" in n
        for n in comparison.notes
    )
    (one,) = [n for n in compare(slow + noisy + some)[0].notes if "did not solve it" in n]
    assert one.endswith(
        "11 runs did not solve it: each counts as 2,000, twice the budget, whatever it takes."
    )


def test_what_a_diverged_run_cost_is_shown_where_seconds_are_a_cost():
    held = runs("a", [None] * 3) + runs("b", [None] * 3)
    held[0].result.update(outcome="diverged", step=2, seconds=0.02)

    (comparison,) = compare(held, metrics=["seconds"])

    a = comparison.groups[0]
    assert a.value.estimate == pytest.approx((0.02 * 10 * 10) ** (1 / 3))
    assert (a.diverged, a.counted_as, comparison.lacking) == (1, None, [])
    assert "counted" not in wording.cells(comparison, a)[3]
    assert "seconds for 2 to 1,000 updates" in comparison.verdict


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.12345, "0.123"), (999.4, "999"), (math.exp(math.log(1000)), "1,000"), (12345.6, "12,346")],
)
def test_a_count_is_told_without_an_exponent(value, told):
    assert wording.number_told(value) == told


def test_a_run_that_diverged_counts_as_unsolved():
    held = runs("a", [200, 250, 200]) + runs("b", [300, 350, 300])
    held[0].result.update(outcome="diverged", step=5)

    (comparison,) = compare(held)

    groups = {group.config: group for group in comparison.groups}
    assert (groups["a"].diverged, groups["a"].counted_as) == (1, 2000)
    assert "(1 of 3 diverged, counted as 2,000)" in wording.cells(comparison, groups["a"])[3]
    assert groups["a"].value.estimate == pytest.approx((2000 * 250 * 200) ** (1 / 3))


def test_what_a_diverged_run_counts_as_is_said_in_updates_and_not_in_their_logarithm():
    held = [*runs("a", [100, 150, 100]), run("a", 3, 50, outcome="diverged")]

    (comparison,) = compare(held + runs("b", [200] * 4))

    (one,) = comparison.lacking
    assert one.why.endswith("counted as 2,000")


def test_seconds_are_told_as_times_as_long():
    (comparison,) = compare(HELD, metrics=["seconds"])

    assert "times as long are told" in comparison.notes[0]


@pytest.mark.parametrize("metric", ["test/mse", "test/mse_length_40", "best/test_mse"])
def test_values_on_a_set_that_stops_nobody_rank_nobody_where_runs_stopped_all_the_same(metric):
    held = [replace(one) for one in HELD]
    for one in held:
        one.result["metrics"][metric] = one.result["metrics"]["eval/mse"]

    (comparison,) = compare(held, metrics=[metric])

    assert {group.standing for group in comparison.groups} == {""}
    assert comparison.verdict.startswith("Not ranked: 10 of 15 runs stopped at the threshold")
    assert "far beyond it they stopped" in comparison.verdict


@pytest.mark.parametrize("solved", [True, False])
def test_seconds_before_the_first_update_are_nobodys(solved):
    # whoever came first built the kernels
    held = runs("a", GRU if solved else [None] * 5) + runs("b", GRU if solved else [None] * 5)
    (plain,) = compare(held, metrics=["seconds", "steps_per_second"])
    for point in held:
        waited = 30.0 if point.config == "b" else 0.0
        point.result.update(seconds=point.result["seconds"] + waited, preparation_seconds=waited)

    (prepared,) = compare(held, metrics=["seconds", "steps_per_second"])

    for before, after in zip(plain.groups, prepared.groups, strict=True):
        assert after.value.estimate == pytest.approx(before.value.estimate)
        speed = after.metrics["steps_per_second"].estimate
        assert speed == pytest.approx(before.metrics["steps_per_second"].estimate)
        assert speed == pytest.approx(100.0)


def test_no_lead_is_larger_than_the_slowest_and_the_fastest_allow():
    """The best mean is at least the first evaluation, the other's at most twice the budget."""
    (comparison,) = compare(runs("a", [50, 1000, 50]) + runs("b", [None, 50, None]))

    _, other = comparison.groups
    assert other.lead.high == pytest.approx(2 * BUDGET / EVERY)
    assert other.lead.low == pytest.approx(EVERY / (2 * BUDGET))
    assert other.standing == "may be best"
