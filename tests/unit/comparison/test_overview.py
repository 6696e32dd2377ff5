"""A table of many configurations has one picture of all of them."""

import numpy as np

from bptt.comparison.overview import ROWS, overview
from bptt.comparison.table import compare
from bptt.figures import Panel, Words
from tests.unit.comparison.points import diverged, row
from tests.unit.comparison.timed import runs


def many(number, best=0.9):
    noise = np.random.default_rng(5).normal(0, 0.01, (number, 5))
    values = [best] + [best - 0.2] * (number - 1)
    return [
        point
        for place in range(number)
        for point in row(f"cell{place}", list(values[place] + noise[place]))
    ]


def found_in(points):
    (comparison,) = compare(points)
    found = overview(comparison)
    return comparison, None if found is None else {
        name: one for (_, name), one in found[2][0].items()
    }


def test_every_configuration_has_a_row_in_the_order_of_the_table_under_what_is_said_of_it():
    comparison, found = found_in(many(20))

    assert set(found) == {"best so far", "worse"}
    rows = sorted((one for held in found.values() for one in held.rows), key=lambda one: one.place)
    assert [one.name for one in rows] == [group.config for group in comparison.groups]
    assert [(one.low, one.mean, one.high) for one in rows] == [
        (group.value.low, group.value.estimate, group.value.high) for group in comparison.groups
    ]
    assert [one.place for one in found["best so far"].rows] == [0]


def test_few_configurations_have_panels_instead():
    assert found_in(many(12))[1] is None
    assert found_in(many(13))[1] is not None


def test_what_is_left_out_is_said():
    comparison, found = found_in(many(ROWS + 3))

    assert sum(len(held.rows) for held in found.values()) == ROWS
    assert "3 are left out" in overview(comparison)[0].told


def test_what_runs_without_a_value_count_as_is_not_drawn_as_a_value():
    _, learned = found_in(many(13) + diverged("lost", range(5)))
    _, solved = found_in(
        [p for place in range(13) for p in runs(f"a{place}", [100, 150, 100, 100, 150])]
        + runs("never", [None] * 5)
    )

    for found, name in ((learned, "lost"), (solved, "never")):
        measured = {one.name: one.measured for held in found.values() for one in held.rows}
        assert [held for held, own in measured.items() if not own] == [name]


def test_a_configuration_with_fewer_seeds_says_how_many():
    _, found = found_in(many(14) + row("few", [0.5, 0.6, 0.5]))

    names = [one.name for held in found.values() for one in held.rows]
    assert "few (n=3)" in names
    assert "cell3" in names


def test_rows_are_drawn_where_their_values_are_and_the_first_is_at_the_top():
    comparison, found = found_in(many(15))

    draw = overview(comparison)[3]
    figure = draw([Panel("", found)], Words("accuracy", "g"), list(found.values()))

    axes = figure.axes[0]
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    drawn = {
        (round(y), x)
        for line in marks
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }
    assert drawn == {(n, group.value.estimate) for n, group in enumerate(comparison.groups)}
    bottom, top = axes.get_ylim()
    assert top < 0 < bottom
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [group.config for group in comparison.groups]
