"""What is only measured makes no rivals: the same training counts once, however it was measured."""

from dataclasses import replace

import pytest

from bptt.comparison.judged import judged
from bptt.comparison.table import compare
from bptt.errors import InvalidSpec
from tests.unit.comparison.points import point

INTERVAL = "statistics.interval"
CELLS = {"gru": 0.8, "lstm": 0.6}


def measured(intervals=(100, 200), seeds=5, cells=CELLS):
    return [
        replace(
            point(cell, seed, value + 0.01 * seed, **{INTERVAL: interval}),
            grids=("abcde",),
            run_id=f"{cell}-{interval}-{seed}",
        )
        for cell, value in cells.items()
        for interval in intervals
        for seed in range(seeds)
    ]


def test_runs_that_differ_in_statistics_alone_are_one_training_and_count_once():
    (found,), (once,) = compare(measured()), compare(measured(intervals=(100,)))

    assert [(g.config, g.points, g.value) for g in found.groups] == [
        (g.config, g.points, g.value) for g in once.groups
    ]
    assert [(g.config, g.value.n) for g in found.groups] == [("gru", 5), ("lstm", 5)]
    assert [g.lead for g in found.groups] == [g.lead for g in once.groups]
    assert found.verdict == once.verdict == "gru is better than lstm (95 %)."
    assert (
        f"{INTERVAL} differs: 100 and 200. It says what is measured and not what is trained, so it "
        "sets no configuration apart, and runs of one seed that differ in nothing else count once; "
        "figures of the gradient are each run's own last ones."
    ) in found.notes
    assert not any(INTERVAL in note for note in once.notes)


def test_figures_that_only_one_execution_measured_count_and_so_does_a_result_that_one_lacks():
    points = measured()
    for one in points:
        if one.values[INTERVAL] == 200:
            one.result["metrics"]["flow/slope"] = -0.1
    points = [
        replace(one, result=None, status="failed") if one.run_id == "gru-100-0" else one
        for one in points
    ]

    (found,) = compare(points, metrics=["accuracy", "flow/slope"])

    assert {g.config: g.metrics["flow/slope"].n for g in found.groups} == {"gru": 5, "lstm": 5}
    assert {g.config: g.value.n for g in found.groups} == {"gru": 5, "lstm": 5}
    assert found.lacking == []


def test_seeds_that_were_measured_in_different_ways_are_pooled():
    points = [p for p in measured(seeds=6) if (p.values[INTERVAL] == 100) == (p.seed < 3)]

    (found,) = compare(points)

    assert {g.config: g.value.n for g in found.groups} == {"gru": 6, "lstm": 6}


def test_where_nothing_else_differs_there_is_one_configuration():
    points = [replace(p, task="latch") for p in measured(cells={"gru": 0.8})]
    for one in points:
        del one.values["cell"]

    (found,) = compare(points)

    assert [(g.config, g.value.n) for g in found.groups] == [("latch", 5)]


def test_values_are_chosen_over_each_training_once():
    points = [
        replace(
            p,
            values={**p.values, "optimizer.lr": lr},
            config=f"{p.config} {lr}",
            result={**p.result, "metrics": {"eval/accuracy": 0.5 + lr + 0.01 * p.seed}},
        )
        for p in measured(seeds=8)
        for lr in (0.1, 0.2)
    ]

    (found,) = compare(points, tune=["lr"])

    assert {g.config: (g.tuned_to, g.value.n) for g in found.groups} == {
        "gru": ("lr=0.2", 4),
        "lstm": ("lr=0.2", 4),
    }


def test_pictures_show_each_training_once():
    shown = judged(measured())

    assert len(shown.points) == 10
    assert {one.run_id.split("-")[1] for one in shown.points} == {"100"}


@pytest.mark.parametrize("word", ["interval", INTERVAL])
@pytest.mark.parametrize("option", ["by", "tune"])
def test_what_is_only_measured_is_neither_compared_nor_tuned(word, option):
    line = rf"^--{option} '{INTERVAL}' says what is measured and not what is trained, so it sets"

    with pytest.raises(InvalidSpec, match=line):
        compare(measured(), **{option: [word]})
