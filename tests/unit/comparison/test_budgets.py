"""Runs of one problem with different budgets, and runs that ended before theirs."""

from dataclasses import replace

import pytest

from bptt.comparison import wording
from bptt.comparison.table import compare
from tests.unit.comparison.timed import run


def with_budget(budget, solved):
    return [
        replace(
            run(f"steps={budget}", seed, at, ended=at or budget),
            budget=budget,
            values={"training.steps": budget, "seed": seed},
            evaluate_every=20,
        )
        for seed, at in enumerate(solved)
    ]


SHORT = [80, None, None, 100, None]
LONG = [80, 260, 300, 100, None]


def test_runs_are_ranked_within_the_smallest_budget_and_shown_as_they_are():
    (comparison,) = compare(with_budget(100, SHORT) + with_budget(400, LONG))

    short, long = comparison.groups
    assert comparison.budget == 100
    # nobody has longer than others: what was solved later was not solved by then
    assert long.value.estimate == pytest.approx(short.value.estimate)
    assert (short.median, long.median) == (None, 260)
    assert [wording.cells(comparison, one)[5] for one in (short, long)] == ["> 100", "260"]
    assert (short.solved.estimate, long.solved.estimate) == (0.4, 0.8)
    assert (
        "updates: until the task was solved, geometric mean over seeds; 4 runs did not solve it "
        "and 2 runs solved it only after 100 updates, the smallest budget here: each counts as "
        "200, twice that, whatever it takes."
    ) in comparison.notes
    best = comparison.best_run
    assert (best.value, best.seed, best.others) == (80, 0, 1)
    assert wording.notes(comparison)[-1].endswith("80; 1 other run as good.")


def test_the_best_single_run_solved_the_task_within_the_smallest_budget():
    (comparison,) = compare(with_budget(100, [None, 60, None]) + with_budget(400, [200] * 3))

    assert (comparison.best_run.value, comparison.best_run.others) == (60, 0)


@pytest.mark.parametrize("metric", ["updates", "seconds"])
def test_where_none_solved_its_task_within_the_smallest_budget_nobody_is_ranked(metric):
    held = with_budget(100, [None] * 3) + with_budget(400, [200, 300, None])

    (comparison,) = compare(held, metrics=[metric])

    assert comparison.verdict.startswith(
        "Not ranked: none solved the task within 100 updates, the smallest budget here"
    )
    assert comparison.best_run is None


def test_a_median_counts_each_run_until_it_ended():
    early = [run("a", s, None, ended=100) for s in range(2)]
    late = [run("a", s, at) for s, at in enumerate([300, 400, 500, None], start=2)]

    (comparison,) = compare(early + late)

    # 2 of 6 are gone before anything happened: 1, 3/4, 1/2, 1/4 of the others are left
    assert comparison.groups[0].median == 450
