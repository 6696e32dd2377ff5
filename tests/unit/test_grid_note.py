"""The description of a grid: what it says, and that MLflow has room for it."""

import json
import re

import pytest

from bptt.comparison import ComparedPoint
from bptt.comparison.table import compare
from bptt.records.grids import Grid
from bptt.shipping.grid_note import note, summary
from bptt.tracking.grid.shown import NOTE_AT_MOST
from tests.unit.comparison.points import point, row

NOW = 1_763_884_800.0


def grid(**fields):
    known = {
        "grid_id": "abcde",
        "name": "gates",
        "project": "p",
        "user": "ada",
        "created_at": NOW,
        "points": 2,
        "counts": {"succeeded": 2},
        "missing": 0,
        "reused": 0,
        "diverged": 0,
        "priority": 0,
        "urgency": 1,
        "held_reason": None,
        "ended_at": NOW,
    }
    return Grid(**{**known, **fields})


def comparisons(configs, task=""):
    result = {"outcome": "solved", "metric": "accuracy", "metrics": {"eval/accuracy": 0.9}}
    return compare(
        [ComparedPoint(c, s, "succeeded", result, task) for c in configs for s in (0, 1)]
    )


def rows(text):
    return [line for line in text.splitlines() if re.match(r"\| (best so|may be|-&emsp)", line)]


@pytest.mark.parametrize(("configurations", "shown"), [(20, 20), (40, 40), (100, 40), (5000, 40)])
def test_note_has_room_in_mlflow_with_forty_rows_where_not_all_fit(configurations, shown):
    text = note(grid(), comparisons([f"c{n}" for n in range(configurations)]), {}, NOW)

    assert len(text) <= NOTE_AT_MOST
    assert len(rows(text)) == shown
    told = f"The first {shown} of {configurations:,} configurations; all are in"
    assert (told in text) == (shown < configurations)


def test_note_with_very_long_names_has_fewer_rows_but_room():
    text = note(grid(), comparisons([f"c{n}" + "x" * 900 for n in range(60)]), {}, NOW)

    assert len(text) <= NOTE_AT_MOST
    assert 0 < len(rows(text)) < 40


def test_no_name_can_break_the_table():
    text = note(grid(name="a|b\n# c"), comparisons(["c|d *e* <b>"]), {}, NOW)

    assert "**a\\|b # c**" in text
    (row,) = rows(text)
    assert row.startswith("| -&emsp; | c\\|d \\*e\\* \\<b\\>&emsp; |")


def test_tasks_have_tables_of_their_own():
    found = comparisons(["c1"], "latch") + comparisons(["c1"], "adding")

    text = note(grid(), found, {}, NOW)

    assert "Task latch" in text
    assert "Task adding" in text


def test_note_says_what_is_held_and_what_is_gone():
    text = note(grid(missing=1, held_reason="its first run failed", ended_at=None), [], {}, NOW)

    assert "2 succeeded, 1 deleted. Held: its first run failed." in text
    assert "As of 2025-11-23 08:00 UTC" in text


def test_summary_is_json_of_every_configuration():
    content = json.loads(summary(grid(), comparisons([f"c{n}" for n in range(200)])))

    assert len(content[0]["groups"]) == 200


def test_a_row_with_too_few_seeds_in_common_says_so_in_table_and_json():
    points = row("a", [0.9, 0.92, 0.91, 0.93]) + row("b", [0.5, 0.52])
    points += [point("c", 7, 0.4), point("b", 7, 0.5)]

    found = compare(points)

    text = note(grid(), found, {}, NOW)
    assert "(2 common seeds: too few)" in text
    assert "no common seed" in text
    (one,) = json.loads(summary(grid(), found))
    said = {group["config"]: (group["too_few"], group["lead"]) for group in one["groups"]}
    assert said["b"][0] == "2 common seeds"
    assert said["c"] == ("no common seed", None)
