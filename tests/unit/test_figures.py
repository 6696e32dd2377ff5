"""Pictures of the gradient through time say what they show, and fit where they are shown."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from bptt.figures import frames, style
from bptt.figures.by_option import draw_by_option, varied_option
from bptt.figures.curves import curves_frame, fill_curves, moments
from bptt.figures.heat_map import fill_heat_map, fill_tile, heat_map_frame, tile_frame
from bptt.measuring.other_options import OtherOptions
from tests.histories import history


@pytest.fixture
def make_flow():
    def make(states="h", probes=5, lags=30, slope=-0.1):
        curve = 10.0 ** (slope * np.arange(lags))
        norms = {state: np.tile(curve, (probes, 1)) for state in states}
        return history(np.arange(probes) * 100, norms, [lags - 1])

    return make


def gradient_heat_map(flow, **options):
    return drawn(heat_map_frame(*flow.states), fill_heat_map, flow, options)


def gradient_curves(flow, **options):
    return drawn(curves_frame(*flow.states), fill_curves, flow, options)


def heat_map_tile(flow, **options):
    return drawn(tile_frame(), fill_tile, flow, options)


def drawn(figure, fill, flow, options):
    fill(figure, flow, **options)
    return figure


def panels(figure):
    return [axes for axes in figure.axes if axes.get_xlabel()]


def test_heat_map_has_a_panel_per_state_and_names_the_run(make_flow):
    figure = gradient_heat_map(make_flow("hc"), title="lstm-s0")

    assert len(panels(figure)) == 2
    assert "lstm-s0" in figure.get_suptitle()
    assert [axes.get_xlabel() for axes in panels(figure)] == [style.LAG] * 2
    assert panels(figure)[0].get_ylabel() == style.STEP


def test_heat_map_shows_log10_of_the_norm_with_fixed_colours(make_flow):
    flow = make_flow(slope=-0.5)

    mesh = panels(gradient_heat_map(flow, title="rnn"))[0].collections[0]

    assert mesh.get_clim() == (-8.0, 0.0)
    np.testing.assert_allclose(mesh.get_array(), flow.log10())


def test_heat_map_marks_what_explodes_and_what_is_unknown(make_flow):
    flow = make_flow(probes=1, lags=4)
    flow.curves["h"][0] = [3, np.inf, np.nan, -3]

    mesh = panels(gradient_heat_map(flow, title="rnn"))[0].collections[0]

    colours = [to_hex(colour) for colour in mesh.to_rgba(mesh.get_array()).reshape(-1, 4)]
    assert colours[:2] == [style.EXPLODED.lower()] * 2
    assert colours[2] == style.UNKNOWN.lower()
    assert colours[3] not in colours[:3]


def test_heat_map_leaves_room_for_the_training_that_was_planned(make_flow):
    axes = panels(gradient_heat_map(make_flow(), title="rnn", steps=2000))[0]

    assert axes.get_ylim()[1] == 2000


def test_single_probe_is_wide_enough_to_see(make_flow):
    figure = heat_map_tile(make_flow(probes=1), title="rnn", steps=1000)

    coordinates = panels(figure)[0].collections[0].get_coordinates()
    assert coordinates[-1, 0, 1] - coordinates[0, 0, 1] == 50


@pytest.mark.parametrize("draw", [gradient_heat_map, gradient_curves])
def test_window_of_truncated_backpropagation_is_marked(make_flow, draw):
    figure = draw(make_flow(lags=30), title="rnn", truncation=20)

    # dashed lines besides the curves: the window that holds position 29 begins at 10
    dashed = [line for line in panels(figure)[0].lines if line.get_xdata()[0] == 19.5]
    assert len(dashed) == 1
    assert "windows of 20" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("every", "told"),
    [
        (None, "of 20"),
        (20, "of 20"),
        (5, "of 20, one every 5 steps"),
        (1, "of 20, one every 1 step"),
    ],
)
def test_titles_name_how_far_windows_lie_apart(make_flow, every, told):
    flow = dataclasses.replace(make_flow(lags=30), every=every)
    for draw in (gradient_heat_map, gradient_curves):
        title = draw(flow, title="rnn", truncation=20).get_suptitle()
        assert title.endswith(f"windows {told}")
    assert "one every" not in gradient_curves(flow, title="rnn").get_suptitle()


def test_no_window_is_marked_without_truncation(make_flow):
    axes = panels(gradient_heat_map(make_flow(), title="rnn"))[0]

    assert list(axes.lines) == []


def test_tile_is_what_mlflows_grid_takes(make_flow, tmp_path):
    figure = heat_map_tile(make_flow("hc"), title="a name that is longer than any tile")

    path = style.save(figure, tmp_path / "new" / "tile.png")

    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (440, 440))
    assert len(panels(figure)[0].get_title()) == 30


def test_curves_are_drawn_before_half_way_and_at_the_end(make_flow):
    axes = panels(gradient_curves(make_flow(), title="rnn"))[0]

    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["init (step 0)", "mid (step 200)", "final (step 400)"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([0], {"init": 0}),
        ([0, 10], {"init": 0, "final": 1}),
        ([0, 10, 20, 100], {"init": 0, "mid": 2, "final": 3}),
    ],
    ids=["one probe", "two", "uneven"],
)
def test_moments_are_probes_that_exist(steps, expected):
    flow = history(steps, {"h": np.ones((len(steps), 2))}, [1])

    # 50 is half-way from 0 to 100, and 20 the nearest probe
    assert moments(flow) == expected


def test_curves_of_probes_without_a_finite_gradient_say_so(make_flow):
    flow = make_flow()
    flow.curves["h"][-1] = np.inf

    axes = panels(gradient_curves(flow, title="rnn"))[0]

    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["init (step 0)", "mid (step 200)", "final (step 400) (not finite)"]


def test_figures_need_neither_pyplot_nor_a_screen():
    program = "import sys; from bptt import figures; print('matplotlib.pyplot' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("save", "draw", "planned"),
    [
        (frames.save_heat_map, gradient_heat_map, {"steps": 900}),
        (frames.save_tile, heat_map_tile, {"steps": 900}),
        (frames.save_curves, gradient_curves, {}),
    ],
    ids=["heat map", "tile", "curves"],
)
def test_figure_that_is_used_again_shows_nothing_of_the_run_before(
    make_flow, tmp_path, save, draw, planned
):
    before = [
        (make_flow("hc", probes=9, lags=300, slope=-0.3), {"title": "long", "truncation": 70}),
        (make_flow("h", probes=1, lags=4, slope=0.5), {"title": "short"}),
        (make_flow("hc", lags=30), {"title": "again", **planned}),
    ]

    for number, (flow, options) in enumerate(before):
        path = tmp_path / f"{number}.png"
        save(path, flow, **options)
        assert path.read_bytes() == style.to_bytes(draw(flow, **options), "png")


def test_a_map_keeps_each_of_its_colours_and_lines_take_few(make_flow, tmp_path):
    flow, files = make_flow("h", lags=300, slope=-0.02), {}
    for save in (frames.save_heat_map, frames.save_curves):
        files[save] = tmp_path / f"{save.__name__}.png"
        save(files[save], flow, title="rnn")
    figure = gradient_heat_map(flow, title="rnn")
    whole = tmp_path / "whole.png"
    figure.savefig(whole)

    with Image.open(files[frames.save_heat_map]) as kept, Image.open(whole) as all_:
        assert np.array_equal(np.asarray(kept), np.asarray(all_.convert("RGB")))
    with Image.open(files[frames.save_curves]) as lines:
        assert (lines.mode, lines.format) == ("P", "PNG")


def test_picture_that_failed_leaves_no_trace_in_the_next(make_flow, tmp_path):
    good, path = make_flow("h"), tmp_path / "good.png"
    frames.save_tile(path, good, title="rnn")
    expected = path.read_bytes()

    with pytest.raises(IsADirectoryError):
        frames.save_tile(tmp_path, make_flow("h", lags=90), title="in a folder's place")

    frames.save_tile(path, good, title="rnn")
    assert path.read_bytes() == expected


def options_of(**values):
    """A set with these options of the task, and its value."""
    value = values.pop("value")
    return OtherOptions(values, value, ("test/x",))


def test_the_metric_by_an_option_is_a_line_for_each_combination_of_the_others():
    measured = [
        options_of(length=length, noise=noise, value=value)
        for noise, values in (("random", (0.5, 0.9, None)), ("blank", (0.7, 1.0, 0.8)))
        for length, value in zip((256, 64, 1024), values, strict=True)
    ]

    figure = draw_by_option(
        measured, title="lstm-s0", metric="accuracy", task={"length": 50}, baseline=0.5
    )

    (axes,) = figure.axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines["noise=random"] == [[64, 0.9], [256, 0.5]]
    assert lines["noise=blank"] == [[64, 1.0], [256, 0.7], [1024, 0.8]]
    assert [x for x, _ in lines["trained on"]] == [50, 50]
    assert [y for _, y in lines["baseline as trained"]] == [0.5, 0.5]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("length", "log")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["50", "64", "256", "1024"]


def test_an_option_without_several_numbers_is_not_drawn():
    assert varied_option([]) == ""
    assert varied_option([options_of(length=3, value=1)]) == ""
    assert varied_option([options_of(noise=n, value=1) for n in ("blank", "random")]) == ""
    assert varied_option([options_of(length=n, noise="blank", value=1) for n in (3, 4)]) == "length"


def test_a_line_at_the_floor_says_what_lies_there(make_flow):
    # 10 ** -1.5 a step: 1e-30 at lag 20
    deep = gradient_curves(make_flow(lags=30, slope=-1.5), title="deep")
    flat = gradient_curves(make_flow(lags=30, slope=-0.1), title="flat")

    words = [text.get_text() for axes in deep.axes for text in axes.texts]
    assert words == ["1e-30 or less: nothing in float32 beside 1e-22"]
    assert [text.get_text() for axes in flat.axes for text in axes.texts] == []
    assert np.float32(1e-22) + np.float32(1e-30) == np.float32(1e-22)
