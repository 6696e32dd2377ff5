"""Means over the updates between two log lines, of numbers as large as they come."""

import math

import pytest

from bptt.training.window import LARGEST, Window


def test_means_of_a_window_do_not_overflow():
    window, copy = Window(), Window()
    for norm in (1e308, 1.5e308, 0.5e308):
        window.add_loss(norm)
        window.add_clip(norm, norm, False, 1.0)
        copy = Window.from_state(window.state_dict())

    for one in (window, copy):
        metrics = one.metrics()
        assert metrics["grad/norm"] == pytest.approx(1e308)
        assert metrics["grad/clipped_norm"] == pytest.approx(1e308)
        assert metrics["train/loss"] == pytest.approx(1e308)


def test_a_norm_that_is_no_float64_is_told_as_the_largest():
    window, copy = Window(), Window()
    for _ in range(10):
        window.add_clip(math.inf, math.inf, True, 10.0)
        copy = Window.from_state(window.state_dict())
    copy.add_loss(1.0)

    metrics = copy.metrics()
    assert metrics["grad/norm_max"] == LARGEST
    assert metrics["grad/norm"] == pytest.approx(LARGEST)
    assert metrics["grad/clipped_norm"] == pytest.approx(LARGEST)
    assert metrics["grad/effective_lr"] == pytest.approx(10.0)
