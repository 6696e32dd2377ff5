"""The first LSTM: its derivative, whole and truncated as its paper has it."""

import pytest
import torch
from torch import sigmoid

from bptt.kernels import Runner
from bptt_plugins.cells.lstm97 import LSTM97
from tests.numerics.equations import BATCH, HIDDEN, TIME, drawn, make

BACKENDS = ["autograd", "sequence", "compiled"]


def unrolled(cell, x, first, backend):
    for value in (x, *first):
        value.grad = None
        value.requires_grad_()
    return Runner(backend).unroll(cell, x, first, gradient_norms=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_truncated_error_in_the_memory_neither_grows_nor_vanishes(backend):
    cell = make(LSTM97, truncated=True)
    x, first = drawn(cell)

    done = unrolled(cell, x, first, backend)
    (done.final[1] * torch.arange(1.0, HIDDEN + 1)).sum().backward()

    assert first[1].grad.tolist() == [list(range(1, HIDDEN + 1))] * BATCH
    assert first[0].grad is None or not first[0].grad.any()
    norm = float(torch.arange(1.0, HIDDEN + 1).norm()) * BATCH**0.5
    assert done.gradient_norms[1].tolist() == pytest.approx([norm] * TIME)
    assert done.gradient_norms[0].tolist() == [0.0] * TIME


@pytest.mark.parametrize("backend", BACKENDS)
def test_truncated_gradients_of_weights_are_those_of_the_papers_learning_rule(backend):
    cell = make(LSTM97, truncated=True)
    x, first = drawn(cell)

    done = unrolled(cell, x, first, backend)
    done.final[0].sum().backward()

    # appendix A.1: traces dc/dw of the weights into i and g, summed forward in time
    blocks = {n: u.detach() for n, u in cell.recurrent_weights.items()}
    with torch.no_grad():
        projected = cell.split(cell.project_input(x), cell.input_fed)
        h, c = (s.detach() for s in first)
        trace = {n: torch.zeros(BATCH, HIDDEN, HIDDEN, dtype=torch.float64) for n in "ig"}
        for t in range(TIME):
            i, o, g = (projected[n][t] + h @ blocks[n] for n in ("i", "o", "g"))
            i, o, squashed = sigmoid(i), sigmoid(o), 4 * sigmoid(g) - 2
            slopes = {"i": i * (1 - i) * squashed, "g": i * 4 * sigmoid(g) * (1 - sigmoid(g))}
            trace = {n: trace[n] + h[:, :, None] * slopes[n][:, None, :] for n in "ig"}
            before, c = h, c + i * squashed
            shown = 2 * sigmoid(c) - 1
            h = o * shown
        to_memory = o * 2 * sigmoid(c) * (1 - sigmoid(c))
        expected = {n: (trace[n] * to_memory[:, None, :]).sum(0) for n in "ig"}
        expected["o"] = (before[:, :, None] * (o * (1 - o) * shown)[:, None, :]).sum(0)

    found = cell.split(cell.product_weight.grad, cell.products)
    for name in "iog":
        torch.testing.assert_close(found[name], expected[name], rtol=1e-12, atol=1e-13)


def test_whole_derivative_passes_the_gates_too():
    cell = make(LSTM97)
    x, first = drawn(cell)

    unrolled(cell, x, first, "compiled").final[1].sum().backward()

    assert (first[1].grad - 1).abs().min() > 1e-6
    assert first[0].grad.abs().min() > 0
