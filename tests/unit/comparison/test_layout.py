"""Which axes of a grid are lines and which are panels."""

import itertools

import pytest

from bptt.comparison.layout import LINES, PANELS, arrange, longest, variables_of
from bptt.comparison.point import ComparedPoint


def grid(**axes):
    """Return a point for each combination; a value may be several, of a plugin with its options."""
    points = []
    for number, values in enumerate(itertools.product(*axes.values())):
        held = {}
        for path, value in zip(axes, values, strict=True):
            held |= value if isinstance(value, dict) else {path: value}
        points.append(ComparedPoint("", 0, "succeeded", None, run_id=str(number), values=held))
    return points


def laid_out(points, by=(), rank=lambda point: int(point.run_id)):
    variables = variables_of(points, by)
    return arrange(points, variables, longest(variables, LINES), rank)


CLIPPERS = [
    {"clipper": "none"},
    {"clipper": "norm", "clipper.max_norm": 0.1},
    {"clipper": "norm", "clipper.max_norm": 1.0},
]


def test_an_option_that_only_some_plugins_have_is_no_axis_of_its_own():
    points = grid(cell=["rnn", "gru"], clipper=CLIPPERS)

    cell, clipper = variables_of(points)

    assert cell.values == ("rnn", "gru")
    assert clipper.values == ("none", "norm max_norm=0.1", "norm max_norm=1")


def test_an_option_that_every_plugin_has_is_an_axis():
    names = [one.name for one in variables_of(grid(**{"optimizer": "ab", "optimizer.lr": [1, 2]}))]

    assert names == ["optimizer", "lr"]


def test_the_axis_with_the_most_values_are_the_lines_and_the_others_panels():
    points = grid(**{"cell": ["rnn", "lstm", "gru"], "clipper": ["a", "b"], "model.layers": [1, 2]})

    (sheet,) = laid_out(points)

    assert sheet.lines.name == "cell"
    titles = [panel.title for panel in sheet.panels]
    assert titles == [f"layers={n}, clipper {c}" for n in (1, 2) for c in "ab"] or titles == [
        f"clipper {c}, layers={n}" for c in "ab" for n in (1, 2)
    ]
    assert all(list(panel.lines) == ["rnn", "lstm", "gru"] for panel in sheet.panels)


def test_an_axis_with_more_values_than_lines_can_be_told_apart_makes_panels():
    points = grid(**{"optimizer.lr": list(range(1, 11)), "cell": ["rnn", "gru"]})

    (sheet,) = laid_out(points)

    assert sheet.lines.name == "cell"
    assert [panel.title for panel in sheet.panels] == [f"lr={lr}" for lr in range(1, 11)]


@pytest.mark.parametrize(
    "sizes", [(1, 1), (3, 1), (3, 2), (8, 9), (5, 4, 5), (9, 9), (2, 2, 2, 2), (3, 12, 2), (24,)]
)
def test_every_configuration_is_on_exactly_one_panel_until_there_are_too_many(sizes):
    names = ("cell.a", "cell.b", "model.c", "model.d")
    points = grid(**{n: list(range(size)) for n, size in zip(names, sizes, strict=False)})

    sheets = laid_out(points)

    shown = [
        point.run_id
        for sheet in sheets
        for panel in sheet.panels
        for held in panel.lines.values()
        for point in held
    ]
    assert len(shown) == len(set(shown))
    assert all(len(sheet.panels) <= PANELS for sheet in sheets)
    assert len({sheet.part for sheet in sheets}) == len(sheets)
    if sheets[0].left_out:
        (sheet,) = sheets
        assert len(sheet.panels) == PANELS
    else:
        assert len(shown) == len(points)
    assert bool(sheets[0].left_out) == (sizes == (9, 9))


def test_the_panels_with_the_best_configurations_stay_in_the_order_of_the_file():
    points = grid(**{"cell.a": list(range(10)), "cell.b": list(range(10))})

    (sheet,) = laid_out(points, rank=lambda point: -int(point.run_id))

    assert sheet.left_out == 88
    assert [panel.title for panel in sheet.panels][-2:] == ["a=9, b=8", "a=9, b=9"]


def test_two_pictures_are_divided_by_an_axis_if_one_has_two_values():
    points = grid(
        **{"clipper": ["none", "norm"], "cell": ["rnn", "lstm", "gru"], "optimizer.lr": [1, 2, 3]}
    )

    sheets = arrange(points, variables_of(points), None, lambda point: 0)

    assert [sheet.part for sheet in sheets] == ["clipper none", "clipper norm"]
    assert [len(sheet.panels) for sheet in sheets] == [9, 9]
    # rows are whole: a column is of one value
    assert {sheet.columns for sheet in sheets} == {3}


def test_axes_that_are_averaged_over_are_those_that_were_not_asked_for():
    points = grid(cell=["rnn", "gru"], clipper=["none", "norm"])

    (sheet,) = laid_out(points, by=["clipper"])

    (panel,) = sheet.panels
    assert [len(held) for held in panel.lines.values()] == [2, 2]
