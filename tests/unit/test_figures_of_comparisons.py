"""Configurations side by side: scales, and how often a task was solved."""

import numpy as np
import pytest

from bptt import figures
from bptt.comparison.curves import band
from bptt.figures.rates import Rate


def test_success_says_over_how_many_seeds_each_share_is_taken():
    five, three = Rate(0.2, 0.1, 0.6, 5), Rate(1.0, 0.4, 1.0, 3)

    def drawn(**rates):
        figure = figures.success_rates(["a", "b"], rates, axis="cell", ordered=False, title="g")
        axes, *_ = figure.axes
        return figure.get_suptitle(), [text.get_text() for text in axes.texts]

    title, above = drawn(none=[five, five], clip=[five, None])
    assert title.endswith("n = 5 seeds each")
    assert above == []
    title, above = drawn(none=[five, three], clip=[three, None])
    assert title.endswith("above it: n, seeds")
    assert above == ["5", "3", "3"]


@pytest.mark.parametrize(
    ("values", "scale"),
    [([0.5, 0.002], "log"), ([0.5, 0.1], "linear"), ([0.5, 0.0], "linear"), ([-1, 90], "linear")],
)
def test_what_spans_decades_is_drawn_so_that_its_end_can_be_told_apart(values, scale):
    one = band("a", np.arange(2.0), np.array([values] * 3, dtype=float))

    axes, *_ = figures.learning_curves([one], metric="mse", title="").axes

    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low < min(values) < max(values) < high


def test_a_single_evaluation_is_drawn_as_a_mark():
    def marks(steps):
        one = band("a", np.arange(float(steps)), np.full((3, steps), 0.5))
        axes, *_ = figures.learning_curves([one], metric="accuracy", title="").axes
        return axes.lines[0].get_marker()

    assert marks(1) not in ("None", None, "")
    assert marks(2) == "None"
