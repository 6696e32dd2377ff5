"""LRU against complex arithmetic, its ring, and how its gradient flows."""

import math

import numpy as np
import pytest
import torch

from bptt.errors import InvalidSpec
from bptt.measuring.jacobian import step_jacobians
from bptt.measuring.lyapunov import backward_exponents
from bptt.measuring.product import backward_triangles
from bptt.registry import construct_class
from bptt_plugins.cells.lru import LRU
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


def lambda_and_gamma(cell):
    """Return both as NumPy has them, (hidden,) each."""
    nu, theta, log_gamma = (cell.vector[n].detach().numpy() for n in ("nu", "theta", "log_gamma"))
    return np.exp(-np.exp(nu) + 1j * np.exp(theta)), np.exp(log_gamma)


def complex_weights(cell):
    """Return lambda (hidden,), gamma (hidden,), B (input, hidden), its bias, D and its bias."""
    b_re, b_im, d = np.split(cell.input_weight.detach().numpy(), 3, axis=1)
    bias_re, bias_im, bias_d = np.split(cell.input_bias.detach().numpy(), 3)
    b, bias = b_re + 1j * b_im, bias_re + 1j * bias_im
    return *lambda_and_gamma(cell), b, bias, d, bias_d


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("nonlinearity", ["identity", "gelu"])
def test_lru_is_a_recurrence_of_complex_numbers(backend, nonlinearity):
    cell = make(LRU, nonlinearity=nonlinearity)
    x, (y, re, im) = random(TIME, BATCH, INPUT), (random(BATCH, HIDDEN, seed=s) for s in (2, 3, 4))
    eigenvalues, gamma, b, bias, d, bias_d = complex_weights(cell)

    found = [s.detach().numpy() for s in states_of(cell, x, (y, re, im), backend).states]

    s = re.numpy() + 1j * im.numpy()
    for t in range(TIME):
        s = eigenvalues * s + gamma * (x[t].numpy() @ b + bias)
        v = s.real + x[t].numpy() @ d + bias_d
        if nonlinearity == "gelu":
            v = v / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))
        np.testing.assert_allclose(found[1][t] + 1j * found[2][t], s, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(found[0][t], v, rtol=1e-12, atol=1e-13)


def test_linear_lru_is_the_sum_of_its_impulse_responses():
    cell = make(LRU, nonlinearity="identity")
    x = random(TIME, 1, INPUT)
    eigenvalues, gamma, b, bias, d, bias_d = complex_weights(cell)

    found = states_of(cell, x, cell.initial_state(1)).outputs[-1, 0].detach().numpy()

    fed = gamma * (x[:, 0].numpy() @ b + bias)
    powers = eigenvalues ** np.arange(TIME - 1, -1, -1)[:, None]
    expected = (powers * fed).sum(0).real + x[-1, 0].numpy() @ d + bias_d
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_twice_as_many_units_hold_what_a_complex_read_out_of_the_paper_sees():
    cell = make(LRU, hidden=2 * HIDDEN, nonlinearity="identity", biases=0)
    c = random(3, HIDDEN, seed=5).numpy() + 1j * random(3, HIDDEN, seed=6).numpy()
    with torch.no_grad():
        for vector in cell.vector.values():
            vector[HIDDEN:] = vector[:HIDDEN]
        b_re, b_im, d = cell.input_weight.split(2 * HIDDEN, dim=1)
        # -i (p + i q) = q - i p
        b_re[:, HIDDEN:], b_im[:, HIDDEN:] = b_im[:, :HIDDEN].clone(), -b_re[:, :HIDDEN]
        d.zero_()
        b = (b_re + 1j * b_im).numpy()[:, :HIDDEN]
    x = random(TIME, 1, INPUT)

    outputs = states_of(cell, x, cell.initial_state(1)).outputs[:, 0].detach().numpy()

    eigenvalues, gamma = (part[:HIDDEN] for part in lambda_and_gamma(cell))
    s = np.zeros(HIDDEN)
    for t in range(TIME):
        s = eigenvalues * s + gamma * (x[t, 0].numpy() @ b)
        ours = np.concatenate([c.real, -c.imag], axis=1) @ outputs[t]
        np.testing.assert_allclose(ours, (c @ s).real, rtol=1e-11, atol=1e-13)


def test_lru_starts_uniformly_on_its_ring():
    cell = make(LRU, hidden=2000, r_min=0.6, r_max=0.9, phi_max=1.5)
    eigenvalues, gamma = lambda_and_gamma(cell)
    radius, angle = np.abs(eigenvalues), np.angle(eigenvalues)

    # uniform on the ring: uniform in squared radius and in angle; Kolmogorov-Smirnov, as a seed in
    # a thousand fails
    for values, low, high in ((radius**2, 0.36, 0.81), (angle, 0.0, 1.5)):
        places = np.sort((values - low) / (high - low))
        assert places[0] >= 0
        assert places[-1] <= 1
        assert np.abs(places - (np.arange(2000) + 0.5) / 2000).max() < 1.95 / math.sqrt(2000)
    np.testing.assert_allclose(gamma, np.sqrt(1 - radius**2), rtol=1e-5)


def test_lru_of_the_whole_disc_starts_finite_however_many_units_it_has():
    for options in ({}, {"r_min": 0.0, "r_max": 1.0}, {"r_min": 0.99999999, "r_max": 1.0}):
        cell = LRU(INPUT, 100_000, **options)

        assert all(vector.isfinite().all() for vector in cell.vector.values())


def test_state_of_an_lru_is_as_large_as_white_input_whatever_lambda_is():
    for radius in (0.3, 0.9):
        cell = make(LRU, hidden=50, r_min=radius, r_max=radius, biases=0)
        x = random(2000, 1, INPUT)

        with torch.no_grad():
            _, re, im = states_of(cell, x, cell.initial_state(1), "compiled").states

        power = (re.square() + im.square())[100:].mean()
        # E |B x|^2 = 1, and gamma^2 / (1 - |lambda|^2) = 1
        assert float(power) == pytest.approx(1.0, abs=0.25)


def test_ring_inside_out_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"r_min must not be above r_max = 0\.5, got 0\.9"):
        LRU(INPUT, HIDDEN, r_min=0.9, r_max=0.5)
    with pytest.raises(InvalidSpec, match=r"cell\.phi_max must be a number > 0 and <= 6\.28"):
        construct_class("cell", LRU, {"phi_max": 7.0}, INPUT, HIDDEN)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("radius", [0.5, 0.99])
def test_gradient_through_an_lru_is_the_power_of_the_modulus_of_lambda(backend, radius):
    cell = make(LRU, r_min=radius, r_max=radius)

    norms, _, _, weights = measured(cell, backend, index=1)

    modulus = np.abs(lambda_and_gamma(cell)[0][0])
    expected = weights.norm() * torch.tensor(modulus) ** torch.arange(TIME - 1, -1, -1)
    torch.testing.assert_close(torch.hypot(norms[1], norms[2]), expected, rtol=1e-10, atol=0)
    assert float(modulus) == pytest.approx(radius, rel=1e-6)


def test_lyapunov_exponents_of_an_lru_are_the_logarithms_of_its_moduli():
    cell = make(LRU)
    x = random(400, INPUT)
    states = tuple(random(400, HIDDEN, seed=s) for s in (2, 3, 4))

    triangles = backward_triangles(step_jacobians(cell, x, states))
    exponents = backward_exponents(triangles, 400, 2 * HIDDEN)

    moduli = torch.from_numpy(np.abs(lambda_and_gamma(cell)[0])).sort(descending=True).values
    # the frame has turned into its directions after a tenth of the steps, but for 1/time
    torch.testing.assert_close(exponents, moduli.log().repeat_interleave(2), rtol=0, atol=0.01)


def test_run_measures_no_spectrum_and_that_the_output_is_not_read_again(make_spec):
    trained, arrays = train_with_statistics(make_spec, "lru")

    largest = math.log(np.abs(lambda_and_gamma(trained)[0]).max())
    assert not [name for name in arrays if name.startswith(("spectrum/", "gate/"))]
    assert arrays["lyapunov/0/forward"][0].item() == pytest.approx(largest, abs=0.05)
    assert arrays["lyapunov_sum/0/forward"].item() == -math.inf
    # of 3 H singular values the smallest H are zero
    assert arrays["jacobian/0/forward"][:, 2].tolist() == [-math.inf] * len(
        arrays["jacobian_lags/0/forward"]
    )


def test_lru_learns_to_keep_a_bit(make_spec):
    assert train_to_keep_a_bit(make_spec, {"name": "lru", "r_min": 0.9}) == "solved"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("eigenvalues", ["signed", "positive"])
def test_real_eigenvalues_make_powers_of_themselves(backend, eigenvalues):
    cell = make(LRU, hidden=50, eigenvalues=eigenvalues, nonlinearity="identity")
    x = random(TIME, 1, INPUT)
    with torch.no_grad():
        decay, gamma = (-cell.vector["nu"].exp()).exp(), cell.vector["log_gamma"].exp()
        fed = [block[:, 0] for block in cell.project_input(x).split(50, dim=-1)]
    values = 2 * decay - 1 if eigenvalues == "signed" else decay

    found = states_of(cell, x, cell.initial_state(1), backend).outputs[-1, 0].detach()

    powers = values ** torch.arange(TIME - 1, -1, -1, dtype=torch.float64)[:, None]
    expected = (powers * gamma * fed[0]).sum(0) + fed[1][-1]
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(gamma, (1 - values.square()).sqrt(), rtol=1e-5, atol=1e-6)
    assert bool((values < 0).any()) == (eigenvalues == "signed")


@pytest.mark.parametrize(("eigenvalues", "lowest"), [("signed", -0.9), ("positive", 0.5)])
def test_real_eigenvalues_begin_within_their_bounds(eigenvalues, lowest):
    cell = make(LRU, hidden=2000, eigenvalues=eigenvalues, r_min=0.5, r_max=0.9)
    decay = (-cell.vector["nu"].detach().exp()).exp()
    values = 2 * decay - 1 if eigenvalues == "signed" else decay

    sizes = ((values.abs() - 0.5) / 0.4).sort().values
    assert (sizes - (torch.arange(2000) + 0.5) / 2000).abs().max() < 1.95 / math.sqrt(2000)
    assert float(values.min()) == pytest.approx(lowest, abs=0.01)
    share = float((values < 0).double().mean())
    assert share == pytest.approx(0.5 if eigenvalues == "signed" else 0.0, abs=0.05)


def test_angle_of_real_eigenvalues_is_refused():
    with pytest.raises(ValueError, match="phi_max needs eigenvalues = complex, got signed"):
        LRU(INPUT, HIDDEN, eigenvalues="signed", phi_max=1.0)
