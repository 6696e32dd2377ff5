"""Whose mean cannot be told from the baseline, and what that does not say."""

from dataclasses import replace

import pytest

from bptt.comparison.table import compare
from tests.unit.comparison.points import row

LEARNED = [0.9, 0.91, 0.92, 0.9, 0.9]
NOTHING = [0.5, 0.51, 0.49, 0.5, 0.5]
# three of five runs solved the task, by a mean of 0.74 +- 0.41
MIXED = [1.0, 1.0, 1.0, 0.3, 0.4]


def beside(points, **asked):
    (found,) = compare(points, **asked)
    notes = [note for note in found.notes if "the baseline of" in note]
    return {group.config: group.learned for group in found.groups}, notes


def with_solved(points, at):
    return [
        replace(one, result={**one.result, "solved_at": 100 if solved else None})
        for one, solved in zip(points, at, strict=True)
    ]


@pytest.mark.parametrize("metric", ["accuracy", "test/accuracy"])
def test_a_configuration_of_which_runs_solved_the_task_is_named_by_its_mean_alone(metric):
    mixed = with_solved(row("c", MIXED), [True, True, True, False, False])
    points = row("a", LEARNED) + row("b", NOTHING) + mixed
    for one in points:
        one.result["metrics"]["test/accuracy"] = one.result["metrics"]["eval/accuracy"]

    learned, notes = beside(points, metrics=[metric])

    assert learned == {"a": True, "b": False, "c": False}
    assert notes == [
        f"Cannot be told from the baseline of 0.5 in {metric}, or worse: b.",
        f"The mean cannot be told from the baseline of 0.5 in {metric}, or is worse, though runs "
        "solved the task: c (3 of 5 runs).",
    ]


def test_runs_that_diverged_or_solved_nothing_are_among_those_that_a_share_is_of():
    solved = with_solved(row("c", MIXED[:2]), [True, False])
    lost = [replace(one, seed=one.seed + 2) for one in row("c", [0.9, 0.9], outcome="diverged")]
    for one in lost:
        # it met the rule before it diverged
        one.result["solved_at"] = 60

    _, notes = beside(row("a", LEARNED) + solved + lost)

    (note,) = notes
    assert note.endswith("though runs solved the task: c (1 of 4 runs).")


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (2, ["Too few seeds to say whether better than the baseline of 0.5 in accuracy: b (n 2)."]),
        (1, ["Too few seeds to say whether better than the baseline of 0.5 in accuracy: b (n 1)."]),
        (3, []),
    ],
)
def test_who_has_too_few_seeds_is_not_taken_for_one_that_learned(seeds, said):
    learned, notes = beside(row("a", LEARNED) + row("b", LEARNED[:seeds]))

    assert learned == {"a": True, "b": None if seeds < 3 else True}
    assert notes == said


def test_two_seeds_in_all_are_said_once_to_be_too_few():
    learned, notes = beside(row("a", LEARNED[:2]) + row("b", NOTHING[:1]))

    assert learned == {"a": None, "b": None}
    assert notes == [
        "Too few seeds to say who is better than the baseline of 0.5 in accuracy: 2 seeds."
    ]


def test_without_a_baseline_nothing_is_said_of_it():
    points = row("a", LEARNED[:2]) + row("b", NOTHING[:2])
    for one in points:
        one.result["baseline"] = None

    assert beside(points) == ({"a": None, "b": None}, [])
