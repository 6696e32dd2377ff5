"""Runs are compared by what they had measured at a moment."""

import pytest

from bptt.comparison import ComparedPoint
from bptt.comparison.moment import at_moment
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


def test_a_run_that_stopped_when_it_solved_the_task_is_compared_by_its_best_value(runs):
    (found,) = at_moment([point(outcome="solved")], runs, "best")

    assert (found.outcome, found.solved) == ("finished", True)


def test_a_run_without_a_folder_here_has_no_figures(runs):
    waiting = ComparedPoint("a", 1, "queued", None)

    elsewhere, unended = at_moment([point("fghij-0"), waiting], runs, "init")

    assert "eval/accuracy" not in elsewhere.figures
    assert unended == waiting
