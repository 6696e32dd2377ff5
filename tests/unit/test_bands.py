"""Lines over seeds: a band, or the seeds themselves where they are too few for one."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection

from bptt import figures
from bptt.comparison.curves import band


def spread_rows(seeds):
    return np.array([[1.0, 2.0, 3.0, 4.0]]) * np.linspace(0.5, 1.5, seeds)[:, None]


def bands_of(*sizes):
    return {f"c{n}": band(np.arange(4.0), spread_rows(n)) for n in sizes}


def learning(lines):
    words = figures.Words("loss over training", "g")
    shown = [figures.Panel("", lines)]
    return figures.learning_curves(shown, words, list(lines.values()), metric="loss")


def seeds_of(axes):
    """Return the values of the seeds that are drawn one by one."""
    thin = [one for one in axes.collections if isinstance(one, LineCollection)]
    return [line[:, 1].tolist() for one in thin for line in one.get_segments()]


def test_a_band_is_drawn_of_six_seeds_and_fewer_are_drawn_themselves():
    figure = learning(bands_of(1, 5, 6))

    (axes,) = figure.axes
    assert seeds_of(axes) == spread_rows(5).tolist()
    assert len(axes.collections) == 2
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["c1 (n=1)", "c5 (n=5)", "c6 (n=6)"]
    assert "95 % interval" in figure.get_suptitle()
    assert "thin lines: single seeds where n < 6" in " ".join(figure.get_suptitle().split())


@pytest.mark.parametrize(
    ("sizes", "interval", "seeds"),
    [([1], False, False), ([2, 1], False, True), ([6, 7], True, False), ([7, 5], True, True)],
)
def test_a_picture_says_what_its_lines_are_means_of(sizes, interval, seeds):
    lines = bands_of(*sizes)
    words = figures.Words("gradient", "g")

    for figure in (
        figures.gradient_bands([figures.Panel("", lines)], words, list(lines.values())),
        learning(lines),
    ):
        (axes,) = figure.axes
        assert ("95 % interval" in figure.get_suptitle()) == interval
        assert ("thin lines" in figure.get_suptitle()) == seeds
        assert bool(seeds_of(axes)) == seeds
        assert any(isinstance(one, PolyCollection) for one in axes.collections) == interval


def test_a_band_ends_where_too_few_seeds_have_a_value():
    rows = spread_rows(7)
    rows[:2, 2:] = np.nan

    (axes,) = learning({"a": band(np.arange(4.0), rows)}).axes

    (filled,) = axes.collections
    assert max(path.vertices[:, 0].max() for path in filled.get_paths()) == 1.0
    assert axes.lines[0].get_xdata()[-1] == 3.0
