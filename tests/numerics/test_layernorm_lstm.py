"""The LSTM with layer normalisation against the equations of its paper, and what its options do."""

import math

import pytest
import torch
from torch import sigmoid, tanh
from torch.nn.functional import layer_norm, rms_norm

from bptt.kernels import Runner
from bptt.kernels.compiled.emission import source
from bptt.kernels.step.tracing import trace
from bptt_plugins.cells.layernorm_lstm import EPSILON, GATES, LayerNormLSTM

TIME, BATCH, INPUT, HIDDEN = 7, 3, 2, 5
NORMS = {"layer": layer_norm, "rms": rms_norm}


def made(**options):
    """Return a cell with gains and shifts of no particular size."""
    torch.manual_seed(0)
    cell = LayerNormLSTM(INPUT, HIDDEN, **options).double()
    with torch.no_grad():
        for vector in cell.vector.values():
            vector.add_(0.3 * torch.randn(HIDDEN))
    return cell


def step(cell, x, h, c):
    """One sequence's step by torch's own normalisations, as the paper writes it."""
    norm = NORMS[cell.norm]

    def normalised(sums, gain):
        gains = torch.cat([cell.vector[f"{gain}_{name}"] for name in GATES])
        if cell.over == "layer":
            return norm(sums, sums.shape, gains, eps=EPSILON)
        parts = zip(sums.split(HIDDEN), gains.split(HIDDEN), strict=True)
        return torch.cat([norm(part, part.shape, of, eps=EPSILON) for part, of in parts])

    shift = torch.cat([cell.vector[f"shift_{name}"] for name in GATES])
    of_x = normalised(x @ cell.input_weight + cell.input_bias, "gain_x")
    of_h = normalised(h @ cell.product_weight, "gain_h")
    i, f, o, g = (of_x + of_h + shift).split(HIDDEN)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    shown = norm(c, c.shape, cell.vector["gain_c"], eps=EPSILON) + cell.vector["shift_c"]
    return sigmoid(o) * tanh(shown), c


@pytest.mark.parametrize("backend", ["autograd", "sequence", "compiled"])
@pytest.mark.parametrize("over", ["layer", "gate"])
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_cell_computes_the_equations_of_its_paper(norm, over, backend):
    cell = made(norm=norm, over=over)
    x = torch.randn(TIME, BATCH, INPUT, dtype=torch.float64)
    first = tuple(torch.randn(BATCH, HIDDEN, dtype=torch.float64) for _ in cell.states)

    runner = Runner(backend)
    states = runner.unroll(cell, x, first).states

    assert runner.backend == backend
    for sequence in range(BATCH):
        h, c = (s[sequence] for s in first)
        for t in range(TIME):
            h, c = step(cell, x[t, sequence], h, c)
            torch.testing.assert_close(states[0][t, sequence], h, rtol=1e-12, atol=1e-13)
            torch.testing.assert_close(states[1][t, sequence], c, rtol=1e-12, atol=1e-13)


def test_scale_of_recurrent_weights_and_of_all_inputs_does_not_matter():
    cell = made()
    with torch.no_grad():
        cell.input_bias.zero_()
    x = torch.randn(TIME, BATCH, INPUT, dtype=torch.float64)
    runner = Runner("compiled")
    before = runner.unroll(cell, x, cell.initial_state(BATCH)).outputs.detach()

    with torch.no_grad():
        cell.product_weight.mul_(1000.0)
    after = runner.unroll(cell, 1000.0 * x, cell.initial_state(BATCH)).outputs.detach()

    # but for the 1e-5 beside the variance, which is that of small numbers
    torch.testing.assert_close(after[1:], before[1:], rtol=0.05, atol=0.02)


@pytest.mark.parametrize("bias", [2.0, "chrono"])
def test_forget_bias_is_a_shift_behind_the_normalisation(bias):
    torch.manual_seed(0)
    cell = LayerNormLSTM(INPUT, HIDDEN, forget_bias=bias)
    cell.reset_parameters(horizon=50)

    inside = cell.split(cell.input_bias.detach(), cell.input_biased)
    of_f, of_i = (cell.vector[f"shift_{name}"].detach() for name in "fi")

    assert inside["f"].tolist() == [0.0] * HIDDEN
    if bias == "chrono":
        assert torch.equal(of_i, -of_f)
        assert 0 < float(of_f.max()) <= math.log(49.0)
    else:
        assert of_f.tolist() == [2.0] * HIDDEN
        assert of_i.tolist() == [0.0] * HIDDEN


def test_what_is_one_number_a_sequence_is_computed_once_for_all_units():
    cell = made()
    text = source(cell, trace(cell, torch.float64), torch.float64)

    # two sums for each of the three normalisations, forward; the roots are of what is summed
    assert text.count("finish_sums(s.sums") == 12
    loops_over_units = [
        part
        for part in text.split("static void ")[1:]
        if part.startswith(("forward_", "backward_"))
    ]
    roots = [part for part in loops_over_units if "v_sqrt" in part]
    assert roots
    assert all(part.split("(")[0].rpartition("_")[0].endswith("_rows") for part in roots)
