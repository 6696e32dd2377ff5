"""The mLSTM: a sum over all steps so far, in closed form, and numbers that stay finite."""

import pytest
import torch
from torch import sigmoid
from torch.nn.functional import logsigmoid

from bptt.kernels import Runner
from bptt_plugins.cells.mlstm import MLSTM

TIME, BATCH, INPUT, HIDDEN = 6, 3, 2, 6


def make(dtype=torch.float64, **options):
    torch.manual_seed(0)
    cell = MLSTM(INPUT, HIDDEN, **options).to(dtype)
    with torch.no_grad():
        cell.gate_weight.normal_()
    return cell


def outputs_of(cell, x):
    return Runner("autograd").unroll(cell, x, cell.initial_state(x.shape[1])).outputs


@pytest.mark.parametrize("heads", [1, 2, 6])
def test_output_is_what_queries_find_among_all_keys_so_far(heads):
    cell, width = make(heads=heads), HIDDEN // heads
    x = torch.randn(TIME, BATCH, INPUT, dtype=torch.float64)

    outputs = outputs_of(cell, x).detach()

    # equations 19 to 27 without the state m: nothing carried on
    with torch.no_grad():
        made = (x @ cell.weight + cell.bias).reshape(TIME, BATCH, 4, heads, width)
        q, k, v, o = made.unbind(2)
        k = k / width**0.5
        i, f = (x @ cell.gate_weight + cell.gate_bias).reshape(TIME, BATCH, 2, heads).unbind(2)
    for t in range(TIME):
        memory = torch.zeros(BATCH, heads, width, width, dtype=torch.float64)
        normaliser = torch.zeros(BATCH, heads, width, dtype=torch.float64)
        for s in range(t + 1):
            weight = torch.exp(i[s] + logsigmoid(f[s + 1 : t + 1]).sum(0))
            memory += weight[..., None, None] * v[s][..., :, None] * k[s][..., None, :]
            normaliser += weight[..., None] * k[s]
        read = torch.einsum("bhvk,bhk->bhv", memory, q[t])
        share = (normaliser * q[t]).sum(-1, keepdim=True).abs().clamp(min=1.0)
        expected = (sigmoid(o[t]) * read / share).reshape(BATCH, HIDDEN)
        torch.testing.assert_close(outputs[t], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("size", [-300.0, 300.0])
def test_exponentials_of_any_size_stay_finite(size):
    cell = make(torch.float32, heads=2)
    with torch.no_grad():
        cell.gate_bias[:2] = size
    x = torch.randn(TIME, BATCH, INPUT)

    outputs = outputs_of(cell, x)
    gradients = torch.autograd.grad(outputs.square().sum(), list(cell.parameters()))

    assert all(bool(value.isfinite().all()) for value in (outputs, *gradients))


def test_heads_do_not_share_their_memory():
    cell = make(heads=2)
    state = tuple(torch.randn(1, HIDDEN, dtype=torch.float64) for _ in cell.states)
    columns = [s.requires_grad_() for s in state[1:-2]]

    new = cell(torch.ones(1, INPUT, dtype=torch.float64), state)
    gradients = torch.autograd.grad(new[0][0, :3].sum(), columns)

    assert len(columns) == 3
    for gradient in gradients:
        assert gradient[0, :3].abs().min() > 0
        assert gradient[0, 3:].tolist() == [0.0] * 3


def test_memory_passes_the_gradient_on_times_its_gate():
    cell = make(heads=2)
    state = tuple(torch.randn(1, HIDDEN, dtype=torch.float64) for _ in cell.states)
    x = torch.ones(1, INPUT, dtype=torch.float64)
    kept = cell.gate_values(x, state)["f"][0].detach()
    # C of the paper is c times exp(m)
    before, after = state[-1][0, [0, 3]].exp(), cell(x, state)[-1][0, [0, 3]].detach().exp()

    column = state[1].requires_grad_()
    (gradient,) = torch.autograd.grad(cell(x, state)[1].sum(), column)

    scaled = gradient[0] * (after / before).repeat_interleave(3)
    torch.testing.assert_close(scaled, kept, rtol=1e-12, atol=0)


def test_gates_begin_as_those_of_its_authors():
    cell = MLSTM(INPUT, 400, heads=4)

    assert cell.gate_weight.abs().max() == 0
    assert cell.gate_bias[4:].tolist() == [3.0, 4.0, 5.0, 6.0]


def test_heads_must_divide_the_units():
    with pytest.raises(ValueError, match="heads must divide hidden_size = 6, got 4"):
        MLSTM(INPUT, HIDDEN, heads=4)
