"""Runs are compared by what they had measured at a moment."""

from dataclasses import replace

import pytest

from bptt.comparison import ComparedPoint, wording
from bptt.comparison.moment import at_moment
from bptt.comparison.table import compare
from bptt.errors import InvalidSpec
from bptt.run_folder import RunFolder

RECORDS = [
    (0, {"eval/accuracy": 0.5, "flow/slope": -0.3, "flow/reach": -1.0}),
    (50, {"train/loss": 0.4}),
    (100, {"eval/accuracy": 0.9, "best/step": 100.0}),
    (150, {"flow/slope": -0.1, "flow/reach": -0.5}),
    (200, {"eval/accuracy": 0.7}),
]


@pytest.fixture
def runs(tmp_path):
    folder = RunFolder.of_attempt(tmp_path, "abcde-0", 1)
    folder.path.mkdir(parents=True)
    (folder.path / "result.json").write_text("{}")
    journal = folder.open_journal()
    for step, metrics in RECORDS:
        journal.append({"step": step, "time": 1, "metrics": metrics})
    journal.close()
    return tmp_path


def point(run_id="abcde-0", outcome="finished", **others):
    result = {"outcome": outcome, "step": 200, "best": {"step": 100.0, "eval_accuracy": 0.9}}
    result |= {"metric": "accuracy", "better": "higher", "baseline": 0.5}
    result |= {"metrics": {"eval/accuracy": 0.7, "flow/slope": -0.1}, **others}
    return ComparedPoint("a", 0, "succeeded", result, run_id=run_id)


@pytest.mark.parametrize(
    ("moment", "step", "accuracy", "slope"),
    [("init", 0, 0.5, -0.3), ("best", 100, 0.9, -0.3), ("end", 200, 0.7, -0.1)],
)
def test_figures_are_those_that_were_the_last_at_the_moment(runs, moment, step, accuracy, slope):
    (found,) = at_moment([point()], runs, moment)

    figures = found.figures
    assert (figures["step"], figures["eval/accuracy"]) == (step, accuracy)
    assert figures["flow/slope"] == slope
    assert ("train/loss" in figures) == (moment == "best")


def test_a_run_that_diverged_later_has_its_figures_of_the_beginning(runs):
    diverged = point(outcome="diverged", divergence={"tensor": "loss"}, solved_at=100)

    (at_init,) = at_moment([diverged], runs, "init")
    (at_best,) = at_moment([diverged], runs, "best")

    assert (at_init.diverged, at_init.solved) == (False, False)
    assert at_init.figures["eval/accuracy"] == 0.5
    assert at_best.diverged


@pytest.mark.parametrize(
    "asked", [[], ["accuracy"], ["best/eval_accuracy"], ["eval/accuracy_long"]]
)
def test_the_best_values_of_runs_that_stopped_at_the_threshold_rank_nobody(runs, asked):
    held = [
        replace(point(outcome="solved"), config=name, seed=seed, values={"cell": name})
        for name in "ab"
        for seed in range(5)
    ]
    at_best = at_moment(held, runs, "best")
    for number, one in enumerate(at_best):
        figures = {"eval/accuracy_long": number / 10, "best/eval_accuracy": number / 10}
        one.result["metrics"].update(figures)
        one.result["metrics"]["eval/accuracy"] = number / 10

    (comparison,) = compare(at_best, metrics=asked)

    assert comparison.verdict.startswith(
        "Not ranked: 10 of 10 runs stopped at the threshold, so the "
    )
    assert {group.standing for group in comparison.groups} == {""}
    assert [wording.cells(comparison, group)[-1] for group in comparison.groups] == ["5 solved"] * 2


@pytest.mark.parametrize("asked", [[], ["accuracy"], ["best/eval_accuracy"]])
@pytest.mark.parametrize("budgets", [(200, 200), (200, 800)], ids=["equal", "unequal"])
def test_the_best_of_more_evaluations_is_not_ranked_against_the_best_of_fewer(runs, asked, budgets):
    held = [
        replace(point(), config=name, seed=seed, values={"cell": name}, budget=budget)
        for name, budget in zip("ab", budgets, strict=True)
        for seed in range(5)
    ]
    at_best = at_moment(held, runs, "best")
    for number, one in enumerate(at_best):
        one.result["metrics"].update(
            {"eval/accuracy": number / 10, "best/eval_accuracy": number / 10}
        )

    (comparison,) = compare(at_best, metrics=asked)

    refused = comparison.verdict.startswith("Not ranked: the best of ")
    assert refused == (budgets[0] != budgets[1])


def test_seconds_until_the_best_evaluation_are_those_of_its_updates(runs):
    (found,) = at_moment([point(seconds=8.0)], runs, "best")

    assert found.figures["seconds"] == 4.0

    (found,) = at_moment([point(seconds=8.0, preparation_seconds=2.0)], runs, "best")

    assert found.figures["seconds"] == 3.0


def test_what_became_of_runs_later_is_shown_beside_figures_of_the_beginning_and_counts_nowhere(
    runs,
):
    outcomes = ["solved", "diverged", "finished", "solved", "diverged"]
    held = [
        replace(point(outcome=outcome, seconds=1.0), config=name, seed=seed, values={"cell": name})
        for name in "ab"
        for seed, outcome in enumerate(outcomes)
    ]
    at_init = at_moment(held, runs, "init")
    for number, one in enumerate(at_init):
        one.result["metrics"]["eval/accuracy"] = 0.5 + 0.1 * (number * 7 % 10)

    (comparison,) = compare(at_init)

    assert {group.standing for group in comparison.groups} == {"best so far", "may be best"}
    for group in comparison.groups:
        assert wording.cells(comparison, group)[-1] == "2 diverged, 1 finished, 2 solved"
        assert (group.solved, group.learned) == (None, None)
    assert comparison.best_run is None
    assert comparison.lacking == []
    said = " ".join(wording.conclusions(comparison))
    assert "More seeds need no training to tell more: training.steps: 0" in said
    assert "bptt extend" not in said
    assert "one more test" not in said


def test_configurations_that_are_the_same_networks_before_the_first_update_are_no_rivals(runs):
    def held(name, shift):
        found = at_moment(
            [replace(point(), config=name, seed=s, values={"lr": name}) for s in range(5)],
            runs,
            "init",
        )
        for one in found:
            one.result["metrics"]["eval/accuracy"] = 0.5 + (one.seed + shift) % 5 / 100
        return found

    (same,) = compare(held("a", 0) + held("b", 0))
    (some,) = compare(held("a", 0) + held("b", 0) + held("c", 2))

    assert same.verdict == (
        "Not ranked: before the first update these configurations are the same networks, alike "
        "in every figure; what they differ in acts later."
    )
    assert (
        "The same networks before the first update, alike in every figure: a and b." in some.notes
    )


@pytest.mark.parametrize("metric", ["seconds", "updates", "step", "steps_per_second"])
def test_what_training_takes_has_no_value_before_it_begins(runs, metric):
    with pytest.raises(InvalidSpec, match="has no value before the first update"):
        compare(at_moment([point(seconds=1.0)], runs, "init"), metrics=[metric])


def test_a_run_without_a_folder_here_has_no_figures(runs):
    waiting = ComparedPoint("a", 1, "queued", None)

    elsewhere, unended = at_moment([point("fghij-0"), waiting], runs, "init")

    assert "eval/accuracy" not in elsewhere.figures
    assert unended.result is None


def with_tests(held):
    """Return points at their best evaluation, as a journal leaves them, and what only the end has.

    Every second run was at its best at its last evaluation: its journal has test figures by then.
    """
    for number, end in enumerate(held):
        at_end = {"test/accuracy": 0.6, "test/loss": 1.0, "seen/test": 0.1}
        at_end["best/test_accuracy"] = 0.6 + number / 100
        end.result["metrics"].update(at_end)
        if number % 2:
            end.result["best"]["step"] = 200.0
    return held


def journalled(folder, run_id, last):
    written = RunFolder.of_attempt(folder, run_id, 1)
    written.path.mkdir(parents=True)
    (written.path / "result.json").write_text("{}")
    journal = written.open_journal()
    for step, metrics in [*RECORDS, (200, last)]:
        journal.append({"step": step, "time": 1, "metrics": metrics})
    journal.close()


@pytest.fixture
def tested(tmp_path):
    held = with_tests(
        [
            replace(point(f"tests-{name}{seed}"), config=name, seed=seed, values={"cell": name})
            for name in "ab"
            for seed in range(5)
        ]
    )
    for one in held:
        journalled(tmp_path, one.run_id, one.result["metrics"])
    return at_moment(held, tmp_path, "best")


@pytest.mark.parametrize("asked", ["test/accuracy", "best/test_accuracy"])
def test_the_test_at_the_best_evaluation_is_that_of_the_best_weights_and_every_run_has_it(
    tested, asked
):
    (comparison,) = compare(tested, metrics=[asked])

    assert comparison.metric == "best/test_accuracy"
    assert comparison.lacking == []
    found = {group.config: group.value for group in comparison.groups}
    assert {name: value.n for name, value in found.items()} == {"a": 5, "b": 5}
    assert found["a"].estimate == pytest.approx(0.62)
    assert found["b"].estimate == pytest.approx(0.67)
    assert [group.standing for group in comparison.groups] == ["best so far", "worse"]
    assert {group.learned for group in comparison.groups} == {True}


def test_a_run_without_a_test_of_its_best_weights_is_named_and_the_baseline_judges_the_same_runs(
    tested,
):
    lost, *others = tested
    for result in (lost.result, lost.result_at_end):
        del result["metrics"]["best/test_accuracy"]

    (comparison,) = compare([lost, *others], metrics=["test/accuracy"])

    assert [(one.run_id, one.why) for one in comparison.lacking] == [
        ("tests-a0", "has no best/test_accuracy")
    ]
    # at the end, where all have a value, it is 0.7
    assert {group.learned for group in comparison.groups} == {True}
    (comparison,) = compare(
        [
            replace(one, result={**one.result, "baseline": 0.65, "metrics": one.result["metrics"]})
            for one in [lost, *others]
        ],
        metrics=["test/accuracy"],
    )
    assert {group.config: group.learned for group in comparison.groups} == {"a": False, "b": True}


@pytest.mark.parametrize("asked", ["test/loss", "seen/test"])
def test_what_only_the_last_weights_were_measured_on_is_refused_at_the_best_evaluation(
    tested, asked
):
    with pytest.raises(InvalidSpec, match="is measured once, at the end, with the last"):
        compare(tested, metrics=[asked])


@pytest.mark.parametrize("asked", [[], ["loss"], ["best/test_accuracy"]])
def test_a_run_diverged_at_its_own_last_step_whatever_moment_is_compared(runs, asked):
    gone = point(outcome="diverged", divergence={"step": 200, "tensor": "loss"})
    other = replace(point(), seed=1)
    for one in (gone, other):
        one.result["metrics"]["best/test_accuracy"] = 0.6
    at_best = at_moment([gone, other], runs, "best")
    for one in at_best:
        one.result["metrics"]["eval/loss"] = 0.3

    (found,) = compare(at_best, metrics=asked)

    (lacking,) = found.lacking
    assert lacking.why.startswith("diverged at step 200 in loss, counted as ")


def test_at_the_best_evaluation_a_run_is_followed_to_its_end_until_it_has_solved_the_task(runs):
    # trained on after it had solved the task; the other never did
    held = [
        replace(point(solved_at=200, seconds=4.0), values={"cell": "a"}, budget=400),
        replace(point(seconds=4.0), config="b", values={"cell": "b"}, budget=400),
    ]
    at_best = at_moment(held, runs, "best")

    for asked, value in (("updates", 200.0), ("seconds", 4.0)):
        (end,), (best,) = compare(held, metrics=[asked]), compare(at_best, metrics=[asked])
        assert [g.unsolved_until for g in best.groups] == [g.unsolved_until for g in end.groups]
        found = {group.config: group.value.estimate for group in best.groups}
        assert found["a"] == pytest.approx(value)
        assert found == {group.config: group.value.estimate for group in end.groups}
