"""Updates per second are compared of runs that made as many updates."""

from dataclasses import replace

import pytest

from bptt.comparison.table import compare
from bptt.errors import InvalidSpec
from tests.unit.comparison.timed import runs

AT_END = 0.5
"""Seconds that each run takes for what it does once, after its last update."""


def timed(cell, solved, outcome="solved"):
    """Return runs of one network: the same seconds for an update, and for what is done once."""
    found = runs(cell, solved, outcome=outcome, ended=None if outcome == "solved" else 1000)
    for number, one in enumerate(found):
        # clocks differ a little
        one.result["seconds"] = one.result["step"] * (0.01 + number * 1e-5) + AT_END
    return found


def test_who_solved_early_is_not_said_to_be_slow():
    (found,) = compare(
        timed("early", [50] * 5) + timed("late", [500] * 5), metrics=["steps_per_second"]
    )

    speeds = {group.config: group.value.estimate for group in found.groups}
    # the same network and machine
    assert speeds["early"] < 0.6 * speeds["late"]
    assert {group.standing for group in found.groups} == {""}
    assert found.verdict.startswith("Not ranked: runs made 50 to 500 updates, and what each does")
    assert found.best_run is None


def test_nobody_is_tuned_by_the_speed_of_runs_that_stopped_early():
    early, late = timed("a", [50] * 6), timed("a", [500] * 6)
    points = [
        replace(one, values={**one.values, "optimizer.lr": lr})
        for lr, held in ((0.1, early), (0.01, late))
        for one in held
    ]

    with pytest.raises(InvalidSpec, match="--tune cannot choose by steps_per_second: runs made"):
        compare(points, metrics=["steps_per_second"], tune=["lr"])


def test_runs_of_equal_length_are_ranked_by_speed_whenever_they_solved_the_task():
    slow = timed("slow", [50, 60, 70, 80, 90], "finished")
    for one in slow:
        one.result["seconds"] *= 2

    (found,) = compare(
        timed("fast", [500, 510, 520, 530, 540], "finished") + slow, metrics=["steps_per_second"]
    )

    assert [(g.config, g.standing) for g in found.groups] == [
        ("fast", "best so far"),
        ("slow", "worse"),
    ]


def test_runs_that_all_had_the_same_time_are_ranked_by_the_updates_that_they_made():
    held = []
    for cell, made in (("fast", 900), ("slow", 300)):
        for number, one in enumerate(timed(cell, [None] * 5)):
            result = {**one.result, "outcome": "time_limit", "step": made + number, "seconds": 10.0}
            held.append(replace(one, result=result))

    (found,) = compare(held, metrics=["steps_per_second"])

    assert [group.standing for group in found.groups] == ["best so far", "worse"]


def test_how_far_the_best_evaluation_was_says_nothing_of_the_length_of_runs():
    ended = timed("fast", [500] * 5, "finished") + timed("slow", [500] * 5, "finished")
    at_best = [
        replace(
            one,
            result={**one.result, "step": at, "seconds": one.result["seconds"] * at / 1000},
            result_at_end=one.result,
            moment="best",
        )
        for number, one in enumerate(ended)
        for at in [100 + 50 * number]
    ]

    (found,) = compare(at_best, metrics=["steps_per_second"])

    assert not found.verdict.startswith("Not ranked")
