"""Adaptive gradient clipping of single matrices, against numbers by hand and its equation."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from bptt_plugins.clippers.agc import AdaptiveGradientClipping

FLOAT64 = torch.float64
magnitudes = st.floats(-12, 12).map(lambda decade: 10.0**decade)


def clip(clipper, found, parameters):
    clipped, state, report = clipper.clip(found, parameters, {})
    assert state == {}
    return clipped, report


def test_units_worked_out_by_hand():
    found = {"w": tensor([[0.3, 0.4], [1.0, 0.0]], dtype=FLOAT64)}
    weights = {"w": tensor([[3.0, 4.0], [0.0, 1e-9]], dtype=FLOAT64)}

    clipped, report = clip(AdaptiveGradientClipping(), found, weights)

    expected = tensor([[0.03, 0.04], [1e-5, 0.0]], dtype=FLOAT64)
    torch.testing.assert_close(clipped["w"], expected, rtol=1e-14, atol=0)
    assert float(report.threshold) == pytest.approx(math.hypot(0.05, 1e-5), rel=1e-14)


def test_gradient_of_a_unit_at_its_bound_is_left_as_it_is():
    weights = {"w": tensor([[3.0, 4.0], [6.0, 8.0]])}
    found = {"w": tensor([[0.75, 1.0], [1.5, 2.0]])}

    clipped, report = clip(AdaptiveGradientClipping(clipping=0.25), found, weights)

    assert torch.equal(clipped["w"], found["w"])
    assert not report.clipped
    assert report.scale == 1.0
    assert float(report.threshold) == math.hypot(1.25, 2.5)


def test_read_out_is_left_out_bit_for_bit_and_counts_in_the_joint_norm():
    found = {
        "read_out.weight": tensor([[30.0, 40.0]]),
        "stack.layers.0.cells.0.input_weight": tensor([[0.0, 3.0], [0.0, 4.0]]),
        "read_out.bias": tensor([120.0]),
    }
    weights = {name: torch.full_like(gradient, 0.5) for name, gradient in found.items()}

    left, report = clip(AdaptiveGradientClipping(), found, weights)
    taken, _ = clip(AdaptiveGradientClipping(clip_read_out=True), found, weights)

    for name in ("read_out.weight", "read_out.bias"):
        assert torch.equal(left[name], found[name])
        assert taken[name].norm() < 0.02
    assert float(report.grad_norm) == pytest.approx(math.hypot(50, 120, 5), rel=1e-14)
    assert float(report.clipped_grad_norm) == pytest.approx(math.hypot(50, 120, 0.5**0.5 / 100))
    # both columns, though one has no gradient
    assert float(report.threshold) == pytest.approx(0.01, rel=1e-14)


def test_gradient_within_a_bound_below_1e_minus_6_is_left_as_it_is():
    # the paper's code would take a tenth and a half of them
    found = {"w": tensor([[5e-8, 0.0], [2e-7, 0.0]], dtype=FLOAT64)}
    weights = {"w": torch.zeros(2, 2, dtype=FLOAT64)}

    clipped, _ = clip(AdaptiveGradientClipping(clipping=1e-4), found, weights)

    expected = tensor([[5e-8, 0.0], [1e-7, 0.0]], dtype=FLOAT64)
    torch.testing.assert_close(clipped["w"], expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("size", [1e-30, 1e25])
def test_squares_of_float32_gradients_neither_vanish_nor_overflow(size):
    found = {"w": torch.full((2, 4), size)}

    clipped, report = clip(AdaptiveGradientClipping(), found, {"w": torch.ones(2, 4)})

    norm = min(2 * size, 0.02)
    torch.testing.assert_close(clipped["w"], torch.full((2, 4), norm / 2), rtol=1e-6, atol=0)
    assert float(report.grad_norm) == pytest.approx(8**0.5 * size, rel=1e-6)
    assert float(report.clipped_grad_norm) == pytest.approx(2**0.5 * norm, rel=1e-6)


@given(size=magnitudes, weight=magnitudes, clipping=st.floats(-6, 3).map(lambda d: 10.0**d))
@settings(deadline=None, derandomize=True, max_examples=100)
def test_no_unit_exceeds_its_bound_and_the_second_time_nothing_changes(size, weight, clipping):
    generator = torch.Generator().manual_seed(0)
    found, weights = (
        {"w": scale * torch.randn(4, 6, generator=generator, dtype=FLOAT64)}
        for scale in (size, weight)
    )
    clipper = AdaptiveGradientClipping(clipping=clipping)

    once, report = clip(clipper, found, weights)
    twice, _ = clip(clipper, once, weights)

    bounds = clipping * weights["w"].norm(dim=1).clamp(1e-3)
    norms = found["w"].norm(dim=1)
    assert (once["w"].norm(dim=1) <= bounds * (1 + 1e-12)).all()
    assert bool(report.clipped) == bool((norms > bounds).any())
    for row in range(4):
        assert torch.equal(once["w"][row], found["w"][row]) == bool(norms[row] <= bounds[row])
    torch.testing.assert_close(twice["w"], once["w"], rtol=1e-14, atol=0)
    assert float(report.clipped_grad_norm) <= float(report.threshold) * (1 + 1e-12)
