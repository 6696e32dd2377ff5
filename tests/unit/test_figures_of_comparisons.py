"""Configurations side by side: scales, panels, and how often a task was solved."""

import numpy as np
import pytest

from bptt import figures
from bptt.comparison.curves import band
from bptt.figures.rates import Rate, Rates, Solving

WORDS = figures.Words("metric over training", "g", lines="cell", columns=2)


def learning(*panels, every=()):
    bands = [one for panel in panels for one in panel.lines.values()]
    return figures.learning_curves(panels, WORDS, [*bands, *every], metric="mse")


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def flat(value, seeds=3):
    return band(np.arange(2.0), np.full((seeds, 2), value))


def test_success_says_over_how_many_seeds_each_share_is_taken():
    five, three = Rate(0.2, 0.1, 0.6, 5), Rate(1.0, 0.4, 1.0, 3)

    def drawn(**rows):
        lines = {name: Rates(row) for name, row in rows.items()}
        figure = figures.success_rates(
            [figures.Panel("", lines)],
            WORDS,
            list(lines.values()),
            values=["a", "b"],
            axis="cell",
            ordered=False,
        )
        axes, *_ = figure.axes
        return figure.get_suptitle().replace("\n", " "), [text.get_text() for text in axes.texts]

    title, above = drawn(none=[five, five], clip=[five, None])
    assert title.endswith("n = 5 seeds")
    assert above == []
    title, above = drawn(none=[five, three], clip=[three, None])
    assert title.endswith("above it: n, seeds")
    assert above == ["5", "3", "3"]


@pytest.mark.parametrize(
    ("values", "scale"),
    [([0.5, 0.002], "log"), ([0.5, 0.1], "linear"), ([0.5, 0.0], "linear"), ([-1, 90], "linear")],
)
def test_what_spans_decades_is_drawn_so_that_its_end_can_be_told_apart(values, scale):
    one = band(np.arange(2.0), np.array([values] * 3, dtype=float))

    axes, *_ = learning(figures.Panel("", {"a": one})).axes

    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low < min(values) < max(values) < high


def test_a_single_evaluation_is_drawn_as_a_mark():
    def marks(steps):
        one = band(np.arange(float(steps)), np.full((3, steps), 0.5))
        axes, *_ = learning(figures.Panel("", {"a": one})).axes
        return axes.lines[0].get_marker()

    assert marks(1) not in ("None", None, "")
    assert marks(2) == "None"


def test_a_line_has_one_colour_in_every_panel_and_one_entry_in_the_legend():
    figure = learning(
        figures.Panel("lr=1", {"rnn": flat(0.1), "gru": flat(0.2)}),
        figures.Panel("lr=2", {"gru": flat(0.3)}),
        figures.Panel("lr=3", {"lstm": flat(0.3), "rnn": flat(0.4)}),
    )

    assert legend(figure) == ["rnn", "gru", "lstm"]
    colours = {}
    for axes in figure.axes:
        for line in axes.lines:
            colours.setdefault(line.get_label(), set()).add(line.get_color())
    assert [len(found) for found in colours.values()] == [1, 1, 1]
    assert len(set.union(*colours.values())) == 3


def test_panels_have_the_same_scales_those_of_another_picture_included():
    figure = learning(
        figures.Panel("lr=1", {"a": flat(0.1)}),
        figures.Panel("lr=2", {"a": flat(0.2)}),
        every=[flat(0.9)],
    )

    (limits,) = {axes.get_ylim() for axes in figure.axes}
    assert limits[0] < 0.1
    assert limits[1] > 0.9


def test_seeds_are_told_once_if_they_are_all_alike_and_in_each_title_if_not():
    alike = learning(
        figures.Panel("lr=1", {"a": flat(0.1), "b": flat(0.2)}),
        figures.Panel("lr=2", {"a": flat(0.1), "b": flat(0.2)}),
    )
    assert alike.get_suptitle().endswith("n = 3 seeds")
    assert [axes.get_title() for axes in alike.axes] == ["lr=1", "lr=2"]

    unlike = learning(
        figures.Panel("lr=1", {"a": flat(0.1), "b": flat(0.2, seeds=5)}),
        figures.Panel("lr=2", {"b": flat(0.2)}),
        figures.Panel("lr=3", {"a": flat(0.1), "b": flat(0.2)}),
    )
    assert "n = " not in unlike.get_suptitle()
    titles = [axes.get_title() for axes in unlike.axes if axes.get_visible()]
    assert titles == ["lr=1\nn=3, 5", "lr=2\nn=0, 3", "lr=3\nn=3"]


def test_words_lie_inside_the_picture_and_on_top_of_nothing():
    name = "a_rather_long_cell forget_bias=3 recurrent_gain=0.95"
    panels = [
        figures.Panel(f"lr={n}, clipper global_norm max_norm={n}", {f"{name}{m}": flat(m + 1.0)})
        for n in range(5)
        for m in range(1)
    ]
    words = figures.Words("metric over training", "a grid with a long name, " * 6, "cell", 4)
    figure = figures.learning_curves(panels, words, [flat(1.0), flat(2.0)], metric="mse")
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()

    shown = [axes for axes in figure.axes if axes.get_visible()]
    boxes = [axes.get_tightbbox(renderer) for axes in shown]
    boxes += [figure.legends[0].get_window_extent(renderer)]
    boxes += [figure._suptitle.get_window_extent(renderer)]

    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
    # all that a telephone of 390 pixels shows without scrolling: 358 at 100 to an inch
    for one in (figure.legends[0], figure._suptitle):
        assert one.get_window_extent(renderer).x1 <= 3.58 * figure.dpi
    for n, one in enumerate(boxes):
        for other in boxes[n + 1 :]:
            # side by side, frames of neighbours may touch by their ticks
            assert (
                min(one.x1, other.x1) - max(one.x0, other.x0) < 12
                or min(one.y1, other.y1) - max(one.y0, other.y0) < 2
            )


def solving_line(n, updates, share):
    values = np.array([*share, share[-1]])
    low, high = np.maximum(values - 0.2, 0), np.minimum(values + 0.2, 1)
    return Solving(np.array(updates, dtype=float), values, low, high, np.array([]), n)


def test_time_to_solve_has_a_band_from_six_seeds_on_and_shows_the_last_update():
    lines = {
        "few": solving_line(5, [0, 400], [0.0]),
        "many": solving_line(6, [0, 400, 400], [0, 1]),
    }

    figure = figures.solving_curves([figures.Panel("", lines)], WORDS, list(lines.values()))

    (axes,) = figure.axes
    assert len(axes.collections) == 1
    # the run that solves the task with the last update is seen to
    assert axes.get_xlim()[1] > 400
    many = axes.lines[2]
    assert many.get_ydata()[-1] == pytest.approx(1, abs=0.02)


def test_a_line_of_runs_with_fewer_updates_ends_before_the_others():
    lines = {"few": solving_line(5, [0, 50, 100], [0, 0.4]), "more": solving_line(5, [0, 400], [0])}

    figure = figures.solving_curves([figures.Panel("", lines)], WORDS, list(lines.values()))

    (axes,) = figure.axes
    few, more = (one for one in axes.lines if one.get_label() in lines)
    assert few.get_xdata()[-1] == 100
    assert more.get_xdata()[-1] > 400


@pytest.mark.parametrize(("earliest", "scale"), [(10, "log"), (200, "linear")])
def test_times_over_decades_are_on_a_logarithmic_scale(earliest, scale):
    line = solving_line(5, [0, earliest, 1000], [0, 0.4])

    figure = figures.solving_curves([figures.Panel("", {"": line})], WORDS, [line])

    assert figure.axes[0].get_xscale() == scale
