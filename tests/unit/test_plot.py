import math

import pytest

from bptt.cli.plot import HEIGHT, MARKERS, Curve, draw

DECAY = [-0.1 * lag for lag in range(101)]


def rows(*curves, width=80):
    return draw("title", curves, width).plain.splitlines()


def tick(row):
    return float(row.split("┤")[0])


def drawn_heights(lines):
    """Return for each column the row of its first dot or marker, None for an empty column."""
    area = [line[8:] for line in lines[1 : 1 + HEIGHT]]
    width = max(map(len, area))
    columns = zip(*(row.ljust(width) for row in area), strict=True)
    return [next((y for y, sign in enumerate(column) if sign != " "), None) for column in columns]


@pytest.mark.parametrize("width", [40, 80, 100])
def test_plot_is_not_wider_than_asked_for(width):
    lines = rows(Curve("rnn", DECAY), Curve("lstm", [-1.0] * 101), width=width)

    assert max(map(len, lines)) <= width


def test_axes_span_the_values_and_the_lags():
    lines = rows(Curve("rnn", DECAY))

    ticks = [tick(line) for line in lines if "┤" in line]
    assert ticks == [1e0, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10]
    assert lines[HEIGHT + 2].split() == ["0", "50", "100"]


def test_exponential_decay_is_a_straight_line_down():
    heights = drawn_heights(rows(Curve("rnn", DECAY)))

    expected = [round(x * (HEIGHT - 1) / (len(heights) - 1)) for x in range(len(heights))]
    assert max(abs(a - b) for a, b in zip(heights, expected, strict=True)) <= 1


def test_every_curve_has_a_marker_of_its_own_in_the_plot_and_in_the_legend():
    curves = [Curve(f"run {n}", [n - 0.1 * lag for lag in range(60)]) for n in range(4)]

    lines = rows(*curves)

    area, legend = "".join(lines[1 : 1 + HEIGHT]), lines[-4:]
    for number, marker in enumerate(MARKERS[:4]):
        assert area.count(marker) >= 3
        assert f"{marker} run {number}" in legend[number]


def test_curves_are_told_apart_by_colour_too():
    text = draw("title", [Curve("a", DECAY), Curve("b", [-5.0] * 101)])

    assert len({str(span.style) for span in text.spans}) == 2


def test_norm_below_the_floor_ends_the_curve_and_is_told():
    values = [-0.5 * lag for lag in range(101)]

    lines = rows(Curve("rnn", values))

    ticks = [tick(line) for line in lines if "┤" in line]
    assert min(ticks) == 1e-30
    assert lines[-1].endswith("● rnn (below 1e-30 from lag 60 on)")


def test_norm_of_zero_counts_as_below_the_floor():
    lines = rows(Curve("rnn", [0.0, -math.inf, -math.inf]))

    assert min(tick(line) for line in lines if "┤" in line) > 1e-10

    assert lines[-1].endswith("(below 1e-30 from lag 1 on)")


def test_gap_in_a_curve_is_left_empty():
    values = [-1.0] * 40 + [math.nan] * 20 + [-1.0] * 41

    heights = drawn_heights(rows(Curve("rnn", values)))

    assert heights[len(heights) // 2] is None
    assert heights[0] == heights[-1] is not None


def test_shorter_curve_ends_at_its_own_last_lag():
    heights = drawn_heights(
        rows(Curve("short", [-1.0] * 51), Curve("long", [math.nan] * 100 + [-1.0]))
    )

    assert heights[5] is not None
    assert heights[len(heights) * 3 // 4] is None


@pytest.mark.parametrize("values", [[-3.0], [7.0, math.inf, 300.0], [-1.0, -math.inf, -math.inf]])
def test_unusual_values_are_drawn(values):
    lines = rows(Curve("rnn", values))

    assert len(lines) == HEIGHT + 5


@pytest.mark.parametrize("curves", [[], [Curve("rnn", [])], [Curve("rnn", [math.nan] * 3)]])
def test_without_values_a_sentence_takes_the_place_of_the_plot(curves):
    assert rows(*curves) == ["No gradient statistics to plot yet."]
