"""minGRU, minLSTM and LRU against formulas that share nothing with them, and how gradients flow."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from bptt.errors import InvalidSpec
from bptt.kernels import Runner
from bptt.registry import construct_class
from bptt.training import TrainingRun, train
from bptt_plugins.cells.lru import LRU
from bptt_plugins.cells.mingru import MinGRU
from bptt_plugins.cells.minlstm import MinLSTM, kept_share

TIME, BATCH, INPUT, HIDDEN = 40, 3, 2, 5
BACKENDS = ["compiled", "sequence", "autograd"]


def make(kind, hidden=HIDDEN, **options):
    torch.manual_seed(0)
    return kind(INPUT, hidden, **options).double()


def random(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def preactivations(cell, x):
    """Return x W + b of each name as NumPy has it, (time, batch, hidden)."""
    width = cell.hidden_size
    packed = x.numpy() @ cell.input_weight.detach().numpy() + cell.input_bias.detach().numpy()
    return {name: packed[..., n * width : (n + 1) * width] for n, name in enumerate(cell.input_fed)}


def logistic(a):
    return 1 / (1 + np.exp(-a))


def content(cell, a):
    return a if cell.candidate == "linear" else np.where(a >= 0, a + 0.5, logistic(a))


def states_of(cell, x, initial, backend="autograd", **asked):
    return Runner(backend).unroll(cell, x, initial, **asked)


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


def measured(cell, backend, index):
    """Return the norms of the gradient of one state's last value, (states, time)."""
    x = random(TIME, BATCH, INPUT)
    initial = tuple(random(BATCH, cell.hidden_size, seed=7) for _ in cell.states)
    unrolled = states_of(cell, x, initial, backend, gradient_norms=True)
    weights = random(BATCH, cell.hidden_size, seed=8)
    (unrolled.final[index] * weights).sum().backward()
    return unrolled.gradient_norms, x, initial, weights


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("radius", [0.5, 0.99])
def test_gradient_through_an_lru_is_the_power_of_the_modulus_of_lambda(backend, radius):
    cell = make(LRU, r_min=radius, r_max=radius)

    norms, _, _, weights = measured(cell, backend, index=1)

    modulus = np.abs(lambda_and_gamma(cell)[0][0])
    expected = weights.norm() * torch.tensor(modulus) ** torch.arange(TIME - 1, -1, -1)
    torch.testing.assert_close(torch.hypot(norms[1], norms[2]), expected, rtol=1e-10, atol=0)
    assert float(modulus) == pytest.approx(radius, rel=1e-6)


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


def probe_of_last_step(run):
    arrays = {}
    for report in train([run]):
        arrays = report.probe or arrays
    return arrays


@pytest.mark.parametrize("cell", ["mingru", "minlstm", "lru"])
def test_run_measures_diagonal_jacobians_and_no_spectrum(make_spec, cell):
    spec = make_spec(
        {"name": "latch", "length": 12},
        cell,
        training={"steps": 4, "stop_when_solved": False},
        statistics={"interval": 2, "jacobian_interval": 2},
    )
    run = TrainingRun(spec)

    arrays = probe_of_last_step(run)

    (trained,) = run.model.stack.layers[0].cells
    assert run.model.backend == "compiled"
    assert not [name for name in arrays if name.startswith("spectrum/")]
    assert ("gate/0/forward/z" in arrays) == (cell == "mingru")
    exponents = torch.as_tensor(arrays["lyapunov/0/forward"])
    if cell == "lru":
        # each pair (re, im) turns and shrinks by |lambda|
        moduli = np.sort(np.abs(lambda_and_gamma(trained)[0]))[::-1]
        expected = np.repeat(np.log(moduli), 2)[: len(exponents)]
        assert float(exponents[0]) == pytest.approx(expected[0], abs=0.05)
        assert float(torch.as_tensor(arrays["lyapunov_sum/0/forward"])) == -math.inf
    else:
        assert (exponents <= 0).all()
        assert math.isfinite(float(torch.as_tensor(arrays["lyapunov_sum/0/forward"])))


@pytest.mark.parametrize("cell", ["mingru", "minlstm", {"name": "lru", "r_min": 0.9}])
def test_cell_learns_to_keep_a_bit(make_spec, cell):
    spec = make_spec(
        {"name": "latch", "length": 10},
        cell,
        optimizer={"name": "adam", "lr": 0.01},
        model={"hidden_size": 16},
        training={"steps": 2000, "evaluate_every": 20, "batch_size": 32, "evaluation_size": 64},
    )
    run = TrainingRun(spec)

    for _ in train([run]):
        pass

    assert run.outcome.name == "solved"
