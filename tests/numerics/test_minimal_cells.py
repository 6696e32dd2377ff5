"""minGRU and minLSTM against formulas that share nothing with them, and how gradients flow."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from bptt_plugins.cells.mingru import MinGRU
from bptt_plugins.cells.minlstm import MinLSTM, kept_share
from tests.numerics.cells_at_work import (
    BACKENDS,
    BATCH,
    HIDDEN,
    INPUT,
    TIME,
    make,
    measured,
    random,
    states_of,
    train_to_keep_a_bit,
    train_with_statistics,
)


def preactivations(cell, x):
    """Return x W + b of each name as NumPy has it, (time, batch, hidden)."""
    width = cell.hidden_size
    packed = x.numpy() @ cell.input_weight.detach().numpy() + cell.input_bias.detach().numpy()
    return {name: packed[..., n * width : (n + 1) * width] for n, name in enumerate(cell.input_fed)}


def logistic(a):
    return 1 / (1 + np.exp(-a))


def content(cell, a):
    return a if cell.candidate == "linear" else np.where(a >= 0, a + 0.5, logistic(a))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("candidate", ["positive", "linear"])
def test_mingru_is_a_running_mixture_of_contents(backend, candidate):
    cell = make(MinGRU, candidate=candidate)
    x, h_0 = random(TIME, BATCH, INPUT), random(BATCH, HIDDEN, seed=2)
    a = preactivations(cell, x)

    found = states_of(cell, x, (h_0,), backend).outputs

    h = h_0.numpy()
    for t in range(TIME):
        z = logistic(a["z"][t])
        h = (1 - z) * h + z * content(cell, a["n"][t])
        np.testing.assert_allclose(found[t].detach().numpy(), h, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("candidate", ["positive", "linear"])
def test_minlstm_is_a_running_mixture_with_normalised_gates(backend, candidate):
    cell = make(MinLSTM, candidate=candidate)
    x, h_0 = random(TIME, BATCH, INPUT), random(BATCH, HIDDEN, seed=2)
    a = preactivations(cell, x)

    found = states_of(cell, x, (h_0,), backend).outputs

    h = h_0.numpy()
    for t in range(TIME):
        f, i = logistic(a["f"][t]), logistic(a["i"][t])
        h = f / (f + i) * h + i / (f + i) * content(cell, a["n"][t])
        np.testing.assert_allclose(found[t].detach().numpy(), h, rtol=1e-12, atol=1e-14)


def scanned(log_kept, log_written):
    """Return the states from 0 by the papers' scan in log space, (time, batch, hidden)."""
    total = torch.cumsum(log_kept, 0)
    return torch.exp(total + torch.logcumsumexp(log_written - total, 0))


def log_content(a):
    return torch.where(a >= 0, (a.relu() + 0.5).log(), -softplus(-a, threshold=40))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("time", [1, 50, 500])
def test_mingru_is_the_papers_scan_in_log_space(backend, time):
    cell = make(MinGRU)
    x = random(time, BATCH, INPUT)
    a = {name: torch.from_numpy(value) for name, value in preactivations(cell, x).items()}

    found = states_of(cell, x, cell.initial_state(BATCH), backend).outputs

    log_z, log_rest = -softplus(-a["z"], threshold=40), -softplus(a["z"], threshold=40)
    expected = scanned(log_rest, log_z + log_content(a["n"]))
    torch.testing.assert_close(found.detach(), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_minlstm_is_the_papers_scan_in_log_space(backend):
    cell = make(MinLSTM)
    x = random(500, BATCH, INPUT)
    a = {name: torch.from_numpy(value) for name, value in preactivations(cell, x).items()}

    found = states_of(cell, x, cell.initial_state(BATCH), backend).outputs

    ratio = softplus(-a["f"], threshold=40) - softplus(-a["i"], threshold=40)
    expected = scanned(
        -softplus(ratio, threshold=40), -softplus(-ratio, threshold=40) + log_content(a["n"])
    )
    torch.testing.assert_close(found.detach(), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("f", "i", "expected"),
    [
        (0.0, 0.0, 0.5),
        (-1000.0, -1000.0, 0.5),
        (1000.0, 1000.0, 0.5),
        (-1000.0, -950.0, math.exp(-50)),
        (-950.0, -1000.0, 1.0),
        (1000.0, -1000.0, 1.0),
        (30.0, 0.0, 2 / 3),
    ],
)
def test_share_that_minlstm_keeps_is_right_where_both_gates_are_closed(f, i, expected, dtype):
    gates = [torch.tensor([value], dtype=dtype, requires_grad=True) for value in (f, i)]

    kept = kept_share(*gates)

    assert kept.item() == pytest.approx(expected, rel=1e-6 if dtype == torch.float32 else 1e-12)
    assert all(g.isfinite().all() for g in torch.autograd.grad(kept.sum(), gates))


def test_gates_that_minlstm_reports_are_the_shares_it_mixes_by():
    cell = make(MinLSTM, candidate="linear")
    x, h = random(BATCH, INPUT), random(BATCH, HIDDEN, seed=2)

    values = cell.gate_values(x, (h,))

    n = torch.from_numpy(preactivations(cell, x)["n"])
    torch.testing.assert_close(values["f"] * h + values["i"] * n, cell(x, (h,))[0])
    torch.testing.assert_close(values["f"] + values["i"], torch.ones_like(h))


def test_chrono_bias_makes_minlstm_keep_as_much_as_an_lstm():
    torch.manual_seed(0)
    cell = MinLSTM(INPUT, HIDDEN, forget_bias="chrono").double()
    cell.reset_parameters(horizon=100)
    bias = cell.input_bias.detach()[:HIDDEN]

    kept = cell.gate_values(torch.zeros(1, INPUT, dtype=torch.float64), cell.initial_state(1))["f"]

    torch.testing.assert_close(kept[0].detach(), torch.sigmoid(bias))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_gradient_through_a_minimal_cell_is_the_product_of_what_it_keeps(backend, kind):
    cell = make(kind)

    (norms,), x, initial, weights = measured(cell, backend, index=0)

    values = cell.gate_values(x, initial)
    kept = 1 - values["z"] if kind is MinGRU else values["f"]
    gradient = weights
    for t in range(TIME - 1, -1, -1):
        assert float(norms[t]) == pytest.approx(float(gradient.norm()), rel=1e-11)
        gradient = gradient * kept[t].detach()


@pytest.mark.parametrize("cell", ["mingru", "minlstm"])
def test_run_measures_gates_and_diagonal_jacobians_but_no_spectrum(make_spec, cell):
    _, arrays = train_with_statistics(make_spec, cell)

    gates = {name.rpartition("/")[2] for name in arrays if name.startswith("gate/")}
    assert gates == ({"z"} if cell == "mingru" else {"f", "i"})
    assert not [name for name in arrays if name.startswith("spectrum/")]
    assert all(exponent < 0 for exponent in arrays["lyapunov/0/forward"].tolist())
    assert math.isfinite(arrays["lyapunov_sum/0/forward"].item())


@pytest.mark.parametrize("cell", ["mingru", "minlstm"])
def test_minimal_cell_learns_to_keep_a_bit(make_spec, cell):
    assert train_to_keep_a_bit(make_spec, cell) == "solved"
