"""Each figure that ranks has the baseline that is its own, or none."""

from dataclasses import replace

import pytest

from bptt.comparison.point import ComparedPoint
from bptt.comparison.table import compare
from bptt.comparison.wording import heading
from tests.unit.comparison.points import diverged, row

SETS = {"length_40": {"length": 40}, "length_80": {"length": 80}}


def measured(values, **figures):
    """Return five runs that learned, and five that did not, with further figures."""
    points = row("a", values) + row("b", [0.5, 0.51, 0.49, 0.5, 0.5])
    made = []
    for point in points:
        more = {name: point.result["metrics"]["eval/accuracy"] + by for name, by in figures.items()}
        result = {
            **point.result,
            "baselines": {"length_40": 0.3},
            "directions": {"accuracy": "higher", "error": "lower"},
            "metrics": {**point.result["metrics"], **more},
        }
        made.append(replace(point, result=result, tested=SETS))
    return made


GOOD = [0.9, 0.91, 0.9, 0.92, 0.9]
FURTHER = {
    "test/accuracy": 0.0,
    "best/eval_accuracy": 0.01,
    "best/test_accuracy": 0.01,
    "test/accuracy_length_40": -0.21,
    "test/accuracy_length_80": -0.3,
    "test/accuracy_attractors": -0.3,
    "eval/error": 0.0,
    "flow/ratio": 0.0,
    "seen/test": 0.0,
}


@pytest.mark.parametrize(
    ("metric", "baseline"),
    [
        ("accuracy", 0.5),
        ("test/accuracy", 0.5),
        ("best/eval_accuracy", 0.5),
        ("best/test_accuracy", 0.5),
        ("test/accuracy_length_40", 0.3),
        # of these no result says what a guess achieves
        ("test/accuracy_length_80", None),
        ("test/accuracy_attractors", None),
        ("eval/error", None),
        ("eval/loss", None),
        ("train/loss", None),
        ("flow/ratio", None),
        ("seen/test", None),
        ("step", None),
        ("seconds", None),
        ("steps_per_second", None),
    ],
)
def test_a_metric_has_its_own_baseline_or_none(metric, baseline):
    points = measured(GOOD, **FURTHER)
    for point in points:
        point.result["seconds"] = 1.0

    (comparison,) = compare(points, metrics=[metric])

    assert comparison.baseline == baseline
    assert ("baseline" in heading(comparison)) == (baseline is not None)


def test_who_has_learned_is_said_by_the_metric_that_decides_and_its_own_baseline():
    (comparison,) = compare(measured(GOOD, **FURTHER), metrics=["test/accuracy_length_40"])

    # b is at 0.29, a at 0.69
    assert "Cannot be told from the baseline of 0.3 in test/accuracy_length_40, or worse: b." in (
        comparison.notes
    )
    assert {group.config: group.learned for group in comparison.groups} == {"a": True, "b": False}


def test_a_metric_without_a_baseline_says_so_and_names_the_one_that_has_it():
    (comparison,) = compare(measured(GOOD, **FURTHER), metrics=["test/accuracy_length_80"])

    assert "No baseline of test/accuracy_length_80 is known." in comparison.notes
    assert "Cannot be told from the baseline of 0.5 in eval/accuracy, or worse: b." in (
        comparison.notes
    )


def test_the_best_of_many_evaluations_is_no_sign_of_having_learned():
    # each at its luckiest: beyond the baseline, whatever was learned
    lucky = {"best/eval_accuracy": 0.05}

    (comparison,) = compare(measured(GOOD, **lucky), metrics=["best/eval_accuracy"])

    assert {group.config: group.learned for group in comparison.groups} == {"a": True, "b": False}


def test_a_run_that_diverged_counts_on_a_further_set_as_its_baseline_at_most():
    points = measured([0.9, 0.91, 0.9], **FURTHER)
    lost = [
        replace(
            point,
            result={**point.result, "baselines": {"length_40": 0.3}, "metrics": {}},
            tested=SETS,
        )
        for point in diverged("a", [3, 4])
    ]
    only = [point for point in points if point.config == "a"] + lost

    (comparison,) = compare(only, metrics=["test/accuracy_length_40"])

    # the worst of the others is 0.69
    assert comparison.groups[0].counted_as == 0.3


@pytest.mark.parametrize("status", ["queued", "failed"])
def test_without_a_result_nothing_is_said_of_a_metric_its_direction_or_its_baseline(status):
    points = [
        ComparedPoint(cell, seed, status, None) for cell in ("gru", "lstm") for seed in range(3)
    ]

    (found,) = compare(points)

    assert (found.metric, found.better, found.baseline) == ("", "", None)
    assert not [note for note in found.notes if "baseline" in note.lower()]
