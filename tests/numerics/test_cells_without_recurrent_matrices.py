"""SRU, QRNN and RG-LRU: their equations, their initial values, and how their gradient flows."""

import math

import pytest
import torch
from torch import sigmoid, tanh

from bptt.kernels import Runner
from bptt_plugins.cells.indrnn import IndRNN
from bptt_plugins.cells.qrnn import QRNN
from bptt_plugins.cells.rglru import RGLRU
from bptt_plugins.cells.sru import SRU
from tests.numerics.equations import (
    BATCH,
    HIDDEN,
    INPUT,
    TIME,
    assert_computes,
    drawn,
    make,
    weights_of,
)

BACKENDS = ["autograd", "compiled"]


def sru(cell, w, u, b, x, h, c):
    v_f, v_r = (cell.vector[name].detach() for name in ("v_f", "v_r"))
    f = sigmoid(w["f"] @ x + v_f * c + b["f"])
    r = sigmoid(w["r"] @ x + v_r * c + b["r"])
    c = f * c + (1 - f) * (w["w"] @ x + b["w"])
    return r * c + (1 - r) * (w["skip"] @ x + b["skip"]), c


def rglru(cell, w, u, b, x, h):
    r, i = sigmoid(w["r"] @ x + b["r"]), sigmoid(w["i"] @ x + b["i"])
    a = sigmoid(cell.vector["decay"].detach()) ** (cell.c * r)
    return (a * h + torch.sqrt(1 - a**2) * (i * (w["v"] @ x + b["v"])),)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kind", "equations"), [(SRU, sru), (RGLRU, rglru)], ids=["sru", "rglru"])
def test_cell_computes_the_equations_of_its_paper(kind, equations, backend):
    assert_computes(make(kind), equations, backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("pooling", ["f", "fo", "ifo"])
def test_qrnn_pools_causal_convolutions(pooling, window, backend):
    cell = make(QRNN, pooling=pooling, window=window)
    with torch.no_grad():
        cell.input_bias.normal_()
    x, (h, *_) = drawn(cell)
    w, _, b = weights_of(cell)

    outputs = Runner(backend).unroll(cell, x, cell.initial_state(BATCH)).outputs

    def convolved(name):
        kernels = [w[name], *(w[f"{name}_of_{lag}"] for lag in range(1, window))]
        biases = [b[name], *(b[f"{name}_of_{lag}"] for lag in range(1, window))]
        # torch's kernel reads the oldest input first
        kernel = torch.stack(kernels[::-1], dim=-1)
        padded = torch.nn.functional.pad(x.permute(1, 2, 0), (window - 1, 0))
        found = torch.nn.functional.conv1d(padded, kernel).permute(2, 0, 1)
        seen = torch.arange(TIME)[:, None] >= torch.arange(window)
        return found + torch.einsum("tl,lh->th", seen.double(), torch.stack(biases)).unsqueeze(1)

    z, f = tanh(convolved("z")), sigmoid(convolved("f"))
    o = 1.0 if pooling == "f" else sigmoid(convolved("o"))
    i = sigmoid(convolved("i")) if pooling == "ifo" else 1 - f
    c, expected = torch.zeros_like(h), []
    for t in range(TIME):
        c = f[t] * c + i[t] * z[t]
        expected.append(c)
    torch.testing.assert_close(outputs, o * torch.stack(expected), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("pooling", ["f", "fo", "ifo"])
def test_gradient_through_the_memory_of_a_qrnn_is_the_product_of_its_forget_gates(pooling):
    cell = make(QRNN, pooling=pooling, window=3)
    x, first = drawn(cell)
    memory = 0 if pooling == "f" else 1
    first[memory].requires_grad_()

    states = Runner("compiled").unroll(cell, x, first).states
    states[memory][-1].sum().backward()

    before, kept = first, torch.ones(BATCH, HIDDEN, dtype=torch.float64)
    for t in range(TIME):
        kept = kept * cell.gate_values(x[t], before)["f"].detach()
        before = tuple(s[t].detach() for s in states)
    torch.testing.assert_close(first[memory].grad, kept, rtol=1e-12, atol=1e-14)


def test_gates_of_a_qrnn_are_measured_with_all_inputs_of_their_window():
    cell = make(QRNN)
    x, first = drawn(cell)

    gates = cell.gate_values(x[0], first)

    made = cell.preactivate(cell.project_input(x[0]), first[0])
    for name in "fo":
        expected = sigmoid(made[name] + first[cell.states.index(f"{name}1")])
        torch.testing.assert_close(gates[name], expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradient_through_an_rglru_is_the_product_of_what_it_keeps(backend):
    cell = make(RGLRU)
    x, (h,) = drawn(cell)
    h.requires_grad_()

    Runner(backend).unroll(cell, x, (h,)).final[0].sum().backward()

    kept = torch.stack([cell.gate_values(x_t, (h,))["a"] for x_t in x]).prod(0)
    torch.testing.assert_close(h.grad, kept.detach(), rtol=1e-12, atol=0)


def test_rglru_begins_between_a_min_and_a_max_where_its_gate_is_open():
    cell = make(RGLRU, hidden=2000, a_min=0.5, a_max=0.9)

    a = sigmoid(cell.vector["decay"].detach()) ** cell.c

    places = ((a - 0.5) / 0.4).sort().values
    # Kolmogorov-Smirnov, as a seed in a thousand fails
    uniform = (torch.arange(2000) + 0.5) / 2000
    assert (places - uniform).abs().max() < 1.95 / math.sqrt(2000)
    assert cell.input_bias.tolist() == [0.0] * 3 * 2000


@pytest.mark.parametrize("backend", ["autograd", "sequence", "compiled"])
@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_gradient_of_an_rglru_is_finite_however_far_its_gate_is_closed(backend, size):
    torch.manual_seed(0)
    cell = RGLRU(INPUT, HIDDEN)
    with torch.no_grad():
        cell.split(cell.input_bias, cell.input_biased)["r"].fill_(size)
    x = torch.randn(TIME, BATCH, INPUT)

    outputs = Runner(backend).unroll(cell, x, cell.initial_state(BATCH)).outputs
    outputs.sum().backward()

    assert all(bool(p.grad.isfinite().all()) for p in cell.parameters() if p.grad is not None)


def test_sru_begins_with_the_variances_of_its_authors():
    cell = make(SRU, hidden=4000, highway_bias=-1.0)
    blocks = cell.split(cell.input_weight.detach(), cell.input_fed)
    biases = cell.split(cell.input_bias.detach(), cell.input_biased)

    found = {name: float(block.var()) * INPUT for name, block in blocks.items()}

    expected = {"w": 1.0, "f": 0.5, "r": 0.5, "skip": 1 + 2 / math.e}
    assert found == {name: pytest.approx(value, rel=0.05) for name, value in expected.items()}
    assert float(cell.vector["v_f"].detach().var()) == pytest.approx(0.5, rel=0.05)
    assert {name: set(bias.tolist()) for name, bias in biases.items()} == {
        "w": {0.0},
        "f": {0.0},
        "r": {-1.0},
        "skip": {0.0},
    }
    assert SRU(INPUT, 2, forget_bias=3.0).input_bias[2:4].tolist() == [3.0, 3.0]


@pytest.mark.parametrize(("long_memory", "low"), [(False, 0.0), (True, 8 ** (-1 / 20))])
def test_indrnn_begins_within_the_bounds_of_its_horizon(long_memory, low):
    cell = make(IndRNN, hidden=1000, gain=8.0, long_memory=long_memory)
    cell.reset_parameters(horizon=20)

    u = cell.vector["u"].detach()

    high = 8 ** (1 / 20)
    assert low <= float(u.min()) < low + 0.01 * high
    assert high - 0.01 * high < float(u.max()) <= high


@pytest.mark.parametrize(
    ("kind", "options", "fault"),
    [
        (RGLRU, {"a_min": 0.9, "a_max": 0.5}, r"a_min must be below a_max = 0\.5, got 0\.9"),
        (RGLRU, {"forget_bias": 1.0}, "forget_bias does not apply"),
        (SRU, {"highway_bias": 1.0, "biases": 0}, "highway_bias needs a bias"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(kind, options, fault):
    with pytest.raises(ValueError, match=fault):
        kind(INPUT, HIDDEN, **options)
