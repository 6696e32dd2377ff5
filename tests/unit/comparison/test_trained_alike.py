"""Configurations that are one training, evaluated otherwise, are no rivals."""

from dataclasses import replace

import pytest

from bptt.comparison.table import compare
from tests.unit.comparison.points import row

EVALUATION = ["training.evaluation_size", "training.evaluate_every"]
HIGH, LOW = [0.9, 0.91, 0.92, 0.9, 0.91], [0.5, 0.51, 0.52, 0.5, 0.51]


@pytest.mark.parametrize("path", EVALUATION)
def test_nobody_is_better_for_how_one_training_is_evaluated(path):
    points = row("a", HIGH, **{path: 50}) + row("a", LOW, **{path: 500})

    (found,) = compare(points)

    assert found.verdict == (
        "Not ranked: runs of one seed are the same training, update for update; these "
        "configurations differ in how it is evaluated."
    )
    assert {group.standing for group in found.groups} == {""}


@pytest.mark.parametrize("path", EVALUATION)
def test_those_among_others_that_are_one_training_are_named(path):
    points = row("a", HIGH, **{path: 50}) + row("a", HIGH, **{path: 500})
    points += row("b", LOW, **{path: 50})

    (found,) = compare(points)

    assert "The same training, update for update, evaluated otherwise: a 50 and a 500." in [
        note.replace("evaluation_size=", "").replace("evaluate_every=", "") for note in found.notes
    ]


def test_runs_that_stop_when_an_evaluation_finds_the_task_solved_are_rivals():
    points = row("a", HIGH, outcome="solved", **{EVALUATION[1]: 50})
    points += row("a", HIGH, outcome="solved", **{EVALUATION[1]: 500})

    (found,) = compare(points)

    assert "same training" not in found.verdict + str(found.notes)


def test_nothing_is_said_while_a_run_may_still_stop():
    points = row("a", HIGH, **{EVALUATION[1]: 50}) + row("a", HIGH, **{EVALUATION[1]: 500})
    points[0] = replace(points[0], status="running", result=None)

    (found,) = compare(points)

    assert "same training" not in found.verdict + str(found.notes)
