"""The Legendre memory unit: its system, its equations, and what its memory holds."""

import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete
from torch import tanh

from bptt.kernels import Runner
from bptt.training import TrainingRun, train
from bptt_plugins.cells.lmu import LMU, delay_system

TIME, BATCH, INPUT, HIDDEN = 9, 3, 2, 6


@pytest.fixture
def make(monkeypatch):
    """Return a function that constructs a float64 cell; its system is not rounded to float32."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)

    def made(hidden=HIDDEN, **options):
        torch.manual_seed(0)
        return LMU(INPUT, hidden, **options)

    yield made
    torch.set_default_dtype(before)


def matrices_of_the_paper(order, theta):
    """Return equations 1 and 2, and their discrete form, by SciPy."""
    a, b = np.zeros((order, order)), np.zeros((order, 1))
    for i in range(order):
        b[i] = (2 * i + 1) * (-1) ** i / theta
        for j in range(order):
            a[i, j] = (2 * i + 1) / theta * (-1 if i < j else (-1) ** (i - j + 1))
    a, b, *_ = cont2discrete((a, b, np.ones((1, order)), np.zeros((1, 1))), dt=1.0, method="zoh")
    return torch.from_numpy(a), torch.from_numpy(b[:, 0])


@pytest.mark.parametrize(("order", "theta"), [(1, 3.0), (6, 20.0), (32, 100.0)])
def test_its_system_is_that_of_the_paper_with_the_input_held(order, theta):
    for found, expected in zip(
        delay_system(order, theta), matrices_of_the_paper(order, theta), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 2])
def test_lmu_computes_the_equations_of_its_paper(make, channels):
    cell = make(channels=channels, theta=7.0)
    with torch.no_grad():
        cell.e_m.normal_()
    a, b = matrices_of_the_paper(HIDDEN // channels, 7.0)
    x = torch.randn(TIME, BATCH, INPUT)
    h, m = torch.randn(BATCH, HIDDEN), torch.randn(BATCH, HIDDEN)

    found = Runner("autograd").unroll(cell, x, (h, m)).states

    for t in range(TIME):
        u = x[t] @ cell.e_x + h @ cell.e_h + m @ cell.e_m
        signals = m.split(HIDDEN // channels, dim=1)
        m = torch.cat([s @ a.T + u[:, [k]] * b for k, s in enumerate(signals)], dim=1)
        h = tanh(x[t] @ cell.w_x + h @ cell.w_h + m @ cell.w_m)
        torch.testing.assert_close(found[0][t], h, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(found[1][t], m, rtol=1e-12, atol=1e-13)


def test_memory_holds_the_last_theta_steps_of_its_signal(make):
    order, theta = 12, 60
    a, b = delay_system(order, theta)
    signal = torch.sin(torch.arange(400.0) / 15)
    m = torch.zeros(order)
    for u in signal:
        m = a @ m + b * u

    # equation 3: shifted Legendre polynomials of where in the window a moment lies
    ago = torch.arange(5, theta, 5)
    places = 2 * (ago + 0.5).numpy() / theta - 1
    rows = [np.polynomial.legendre.legval(places, np.eye(order)[i]) for i in range(order)]
    remembered = torch.from_numpy(np.stack(rows, axis=1)) @ m

    torch.testing.assert_close(remembered, signal[-1 - ago], rtol=0, atol=0.02)


def test_theta_is_the_horizon_of_the_task_unless_it_is_given(make):
    given, free = make(theta=50.0), make()
    free.reset_parameters(horizon=50)

    assert torch.equal(given.a, free.a)
    assert torch.equal(given.b, free.b)


def test_channels_must_divide_the_units():
    with pytest.raises(ValueError, match="channels must divide hidden_size = 6, got 4"):
        LMU(INPUT, HIDDEN, channels=4)


def test_lmu_keeps_a_bit_longer_than_its_window_is_wide(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 20},
        {"name": "lmu", "theta": 20.0},
        optimizer={"name": "adam", "lr": 0.01},
        model={"hidden_size": 8},
        training={"steps": 600, "evaluate_every": 20, "batch_size": 32, "evaluation_size": 64},
    )
    run = TrainingRun(spec)
    for _ in train(run):
        pass

    assert run.outcome.name == "solved"
