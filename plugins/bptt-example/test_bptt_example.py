"""What these plugins promise: first the rules of bptt, then their own equations."""

import pytest
import torch
from bptt_example import DelayedXor, IndependentRNN, RunningNorm, UpdateGateRNN
from torch import Generator

from bptt.conformance import check_cell, check_clipper, check_task


@pytest.mark.parametrize("cell_class", [UpdateGateRNN, IndependentRNN])
def test_cells_fulfil_the_contract(cell_class):
    check_cell(cell_class)


def test_running_norm_fulfils_the_contract():
    check_clipper(RunningNorm)


@pytest.mark.parametrize("delay", [1, 20])
def test_delayed_xor_fulfils_the_contract(delay):
    check_task(DelayedXor, {"delay": delay})


def test_update_gate_rnn_with_an_open_gate_keeps_its_state():
    cell = UpdateGateRNN(2, 3, forget_bias=100.0)
    state = (torch.randn(4, 3),)

    (kept,) = cell(torch.randn(4, 2), state)

    assert torch.equal(kept, state[0])


def test_gradient_of_a_positive_independent_rnn_is_the_power_of_its_weight():
    cell = IndependentRNN(1, 3).double()
    h_0 = torch.ones(1, 3, dtype=torch.float64, requires_grad=True)
    state = (h_0,)

    for _ in range(5):
        state = cell(torch.full((1, 1), 0.0, dtype=torch.float64), state)
    alive = state[0] > 0
    (gradient,) = torch.autograd.grad(state[0].sum(), h_0)

    expected = torch.where(alive, cell.vector["u"] ** 5, 0.0)
    torch.testing.assert_close(gradient, expected)


def test_running_norm_bounds_a_spike_by_the_factor():
    clipper = RunningNorm(factor=3.0)
    usual, spike = {"w": torch.tensor([3.0, 4.0])}, {"w": torch.tensor([300.0, 400.0])}
    _, state, _ = clipper.clip(usual, {}, clipper.initial_state(usual))

    clipped, _, report = clipper.clip(spike, {}, state)

    torch.testing.assert_close(clipped["w"], torch.tensor([9.0, 12.0]))
    assert report.threshold == 15.0


def test_running_norm_leaves_the_first_gradient_alone():
    clipper = RunningNorm()
    gradients = {"w": torch.tensor([3e5, 4e5])}

    clipped, _, report = clipper.clip(gradients, {}, clipper.initial_state(gradients))

    assert torch.equal(clipped["w"], gradients["w"])
    assert not report.clipped


def test_delayed_xor_is_the_product_of_the_first_and_the_last_sign():
    batch = DelayedXor(delay=7).sample(Generator().manual_seed(0), 100)

    differ = batch.inputs[0, :, 0] * batch.inputs[-1, :, 0] < 0

    assert batch.inputs.shape == (8, 100, 1)
    assert torch.equal(batch.targets, differ.long())
