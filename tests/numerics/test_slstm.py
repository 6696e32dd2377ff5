"""The sLSTM: exponential gates, heads, and numbers that stay finite."""

import pytest
import torch
from torch import sigmoid, tanh
from torch.nn.functional import logsigmoid

from bptt.kernels import Runner
from bptt_plugins.cells.slstm import SLSTM

TIME, BATCH, INPUT, HIDDEN = 6, 3, 2, 6
BACKENDS = ["autograd", "sequence", "compiled"]


def make(dtype=torch.float64, **options):
    torch.manual_seed(0)
    return SLSTM(INPUT, HIDDEN, **options).to(dtype)


def outputs_of(cell, x, backend):
    return Runner(backend).unroll(cell, x, cell.initial_state(x.shape[1])).outputs


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("heads", [1, 3])
def test_output_is_a_mean_of_contents_weighted_by_exponentials(backend, heads):
    cell = make(heads=heads)
    x = 3 * torch.randn(TIME, BATCH, INPUT, dtype=torch.float64)

    outputs = outputs_of(cell, x, backend).detach()

    # equations 8 to 12 without the state m: sums over all steps so far, nothing carried on
    h, weights, contents = torch.zeros(BATCH, HIDDEN, dtype=torch.float64), [], []
    for t in range(TIME):
        with torch.no_grad():
            a = cell.preactivate(cell.project_input(x[t]), h)
        weights = [w + logsigmoid(a["f"]) for w in weights] + [a["i"]]
        contents.append(tanh(a["z"]))
        share = torch.stack(weights).softmax(0)
        h = sigmoid(a["o"]) * (share * torch.stack(contents)).sum(0)
        torch.testing.assert_close(outputs[t], h, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [-300.0, 300.0])
def test_exponentials_of_any_size_stay_finite(backend, size):
    cell = make(torch.float32)
    with torch.no_grad():
        cell.split(cell.input_bias, cell.input_biased)["i"].fill_(size)
    x = torch.randn(TIME, BATCH, INPUT)

    outputs = outputs_of(cell, x, backend)
    gradients = torch.autograd.grad(outputs.sum(), [cell.input_weight, cell.recurrent_weight])

    # a constant in every exponent cancels but for the forgetting, which it does not touch
    calm = make(torch.float32)
    with torch.no_grad():
        calm.split(calm.input_bias, calm.input_biased)["i"].zero_()
    assert all(bool(value.isfinite().all()) for value in (outputs, *gradients))
    torch.testing.assert_close(outputs, outputs_of(calm, x, backend), rtol=1e-3, atol=1e-4)


def test_heads_do_not_see_each_other():
    cell = make(heads=2)
    h = torch.randn(1, HIDDEN, dtype=torch.float64, requires_grad=True)
    _, *rest = cell.initial_state(1)

    new, *_ = cell(torch.zeros(1, INPUT, dtype=torch.float64), (h, *rest))
    (gradient,) = torch.autograd.grad(new[0, :3].sum(), h)

    assert gradient[0, :3].abs().min() > 0
    assert gradient[0, 3:].tolist() == [0.0] * 3
    for block in cell.recurrent_weights.values():
        assert torch.count_nonzero(block) == HIDDEN**2 / 2


def test_its_gate_is_the_share_of_what_was_remembered_that_stays():
    cell = make()
    x = torch.randn(TIME, BATCH, INPUT, dtype=torch.float64)
    states = Runner("autograd").unroll(cell, x, cell.initial_state(BATCH)).states
    before = tuple(s[TIME - 2].detach() for s in states)

    share = cell.gate_values(x[TIME - 1], before)["f"]
    nudged = (before[0], before[1] + 1e-6, *before[2:])
    with torch.no_grad():
        a = cell.preactivate(cell.project_input(x[TIME - 1]), before[0])
        moved = cell.apply_step(a, nudged)[0] - cell.apply_step(a, before)[0]
    # dh' / d(c / n) = o f n / n'
    expected = sigmoid(a["o"]) * share * 1e-6 / before[2]

    torch.testing.assert_close(moved, expected, rtol=1e-6, atol=0)


def test_first_step_forgets_nothing_and_keeps_nothing():
    cell = make()
    first = cell.gate_values(torch.randn(BATCH, INPUT, dtype=torch.float64), cell.initial_state(3))

    assert first["f"].tolist() == [[0.0] * HIDDEN] * BATCH


def test_heads_must_divide_the_units():
    with pytest.raises(ValueError, match="heads must divide hidden_size = 6, got 4"):
        SLSTM(INPUT, HIDDEN, heads=4)
