"""Lines over the lag of several losses, and pictures along the sequence and by layer."""

import dataclasses

import numpy as np
import pytest

from bptt import figures
from bptt.comparison.curves import band
from bptt.figures import frames, over_time, style
from bptt.figures.curves import curves_frame, fill_curves
from bptt.measuring.flow_history import read_flow
from tests.histories import staircase


@pytest.fixture
def probe():
    """Return a function: arrays by name -> the probe of step 7."""

    def make(**arrays):
        return 7, {name.replace("__", "/"): values for name, values in arrays.items()}

    return make


def dashed(axes):
    return [line for line in axes.lines if line.get_linestyle() == "--" and len(line.get_xdata())]


def test_curve_is_dashed_where_one_loss_is_left_and_single_losses_are_thin(probe):
    figure = curves_frame("h")

    fill_curves(figure, read_flow([probe(**staircase())]), title="gru")

    (axes,) = figure.axes
    thin = [line for line in axes.lines if line.get_linewidth() < 0.8 and len(line.get_xdata()) > 2]
    assert [line.get_ydata()[0] for line in thin] == pytest.approx([-4, -2, 0])
    (tail,) = dashed(axes)
    # lags 5 and 6 are those of the last loss alone
    assert tail.get_xdata().tolist() == [4, 5, 6]
    assert tail.get_ydata() == pytest.approx([-2.4, -2.5, -2.6])


def test_curve_of_one_loss_has_neither(probe):
    figure = curves_frame("h")
    arrays = {name: values[-1:] for name, values in staircase().items()}

    fill_curves(figure, read_flow([probe(**arrays)]), title="gru")

    assert dashed(figure.axes[0]) == []
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["init (step 7)"]


def test_comparison_of_lag_curves_is_dashed_from_the_first_lag_that_one_loss_has():
    rows = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0]])
    one = band(np.arange(4.0), rows)
    lines = {f"c{n}": dataclasses.replace(one, alone_from=n) for n in (3, 2)}

    figure = figures.gradient_bands(
        [figures.Panel("", lines)], figures.Words("gradient", "g"), list(lines.values())
    )

    tails = dashed(figure.axes[0])
    assert [line.get_xdata().tolist() for line in tails] == [[2, 3], [1, 2, 3]]


def test_layers_are_named_where_there_are_several(probe):
    curves = staircase()["lag/0/forward/h"]
    flow = read_flow([probe(**staircase(), lag__1__forward__h=curves)])
    figure = curves_frame("h")

    fill_curves(figure, flow, title="gru")

    assert figure.get_suptitle().endswith("gru, all 2 layers")


def test_gradient_of_inputs_is_drawn_beside_that_of_states(probe, tmp_path):
    file = probe(
        flow__0__forward__h=np.array([1e-3, 1e-2, 1e-1]),
        flow__0__forward__c=np.array([0.0, 1e-2, np.nan]),
        input_flow=np.array([1e-4, 1e-3, 1e-2]),
    )
    moments = over_time.read_total([("init", *file), ("final", 8, {})])
    figure = over_time.over_time_frame(*over_time.panels_of(moments))

    over_time.fill_over_time(figure, moments, title="lstm")

    states, inputs = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["states", over_time.INPUTS]
    assert states.lines[0].get_ydata()[:2] == pytest.approx([-3, -2 + np.log10(2) / 2])
    assert np.isnan(states.lines[0].get_ydata()[2])
    assert inputs.lines[0].get_ydata() == pytest.approx([-4, -3, -2])


def test_gradient_by_layer_has_a_row_per_layer_and_one_for_the_input(probe):
    file = probe(
        flow__0__forward__h=np.array([1e-3, 1e-2]),
        flow__0__backward__h=np.array([1e-1, 1e-1]),
        flow__10__forward__h=np.array([1e-5, 1e-4]),
        flow__2__forward__h=np.array([1e-7, 1e-6]),
        input_flow=np.array([1e-2, 1e-1]),
    )

    figure = over_time.draw_layers(over_time.read_total([("init", *file)]), title="gru")

    forward, backward = figure.axes[:2]
    rows = forward.collections[0].get_array()
    assert rows[:, 0].tolist() == pytest.approx([-2, -3, -7, -5])
    assert [text.get_text() for text in forward.get_yticklabels()][:2] == ["input", "layer 0"]
    assert backward.get_title() == "init (step 7), backward cells"


def test_picture_along_the_sequence_shows_nothing_of_the_run_before(probe, tmp_path):
    def drawn(title, time):
        file = probe(flow__0__forward__h=10.0 ** -np.arange(time), input_flow=np.ones(time))
        moments = over_time.read_total([("init", *file)])
        frames.save_over_time(tmp_path / f"{title}.png", moments, title=title)
        figure = over_time.over_time_frame(*over_time.panels_of(moments))
        over_time.fill_over_time(figure, moments, title=title)
        return (tmp_path / f"{title}.png").read_bytes(), style.to_bytes(figure, "png")

    for title, time in (("long", 40), ("short", 3)):
        reused, own = drawn(title, time)
        assert reused == own
