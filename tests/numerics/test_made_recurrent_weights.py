"""Cells whose recurrent matrix is a function of parameters."""

import pytest
import torch
from torch import nn, sigmoid, tanh
from torch.nn.utils import parametrizations

from bptt.contracts import PointwiseCell
from bptt.kernels import Runner
from bptt.measuring.jacobian import step_jacobians
from bptt.measuring.spectrum import orthogonality_error, spectral_radius
from bptt.training import TrainingRun, train
from bptt_plugins.cells.antisymmetric import Antisymmetric
from bptt_plugins.cells.leaky_rnn import LeakyRNN
from bptt_plugins.cells.orthogonal_rnn import OrthogonalRNN

INPUT, HIDDEN, TIME, BATCH = 2, 6, 7, 3


class LowRank(PointwiseCell):
    """h = tanh(W x + (U + a b^T) h): parameters of its own beside the framework's."""

    states = ("h",)
    preactivations = {"a": "x+h"}

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.left = nn.Parameter(torch.randn(self.hidden_size, 2))
        self.right = nn.Parameter(torch.randn(self.hidden_size, 2))

    def recurrent(self, name, block):
        return block + self.left @ self.right.mT

    def step(self, a, h):
        return tanh(a)


def make(cell_class, **options):
    torch.manual_seed(0)
    return cell_class(INPUT, HIDDEN, **options).double()


def unrolled(cell, backend):
    torch.manual_seed(1)
    x = torch.randn(TIME, BATCH, INPUT, dtype=torch.float64)
    return x, Runner(backend).unroll(cell, x, cell.initial_state(BATCH)).outputs


def antisymmetric(cell):
    stored = next(iter(cell.stored_blocks().values())).detach()
    return stored.T - stored - cell.gamma * torch.eye(HIDDEN, dtype=torch.float64)


@pytest.mark.parametrize("backend", ["autograd", "sequence", "compiled"])
@pytest.mark.parametrize("gated", [False, True])
def test_antisymmetric_network_is_eulers_method_of_its_paper(gated, backend):
    cell = make(Antisymmetric, epsilon=0.3, gamma=0.1, gated=gated)
    x, outputs = unrolled(cell, backend)
    w = cell.split(cell.input_weight.detach(), cell.input_fed)
    b = cell.split(cell.input_bias.detach(), cell.input_biased)

    # the stored block is used as h W, the paper's matrix as W h
    matrix = antisymmetric(cell)
    h = torch.zeros(BATCH, HIDDEN, dtype=torch.float64)
    for t in range(TIME):
        from_state = h @ matrix.T
        z = sigmoid(x[t] @ w["z"] + from_state + b["z"]) if gated else 1.0
        h = h + 0.3 * z * tanh(x[t] @ w["a"] + from_state + b["a"])
        torch.testing.assert_close(outputs[t].detach(), h, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", ["autograd", "sequence", "compiled"])
def test_orthogonal_network_is_that_of_torchs_parametrization(backend):
    cell = make(OrthogonalRNN, biases=0)
    linear = nn.Linear(HIDDEN, HIDDEN, bias=False, dtype=torch.float64)
    parametrizations.orthogonal(linear, orthogonal_map="matrix_exp")
    skew = cell.recurrent_weight.detach().triu(1)
    with torch.no_grad():
        # torch reads what is below the diagonal, and multiplies with its own base
        linear.parametrizations.weight.original.copy_(skew.T - skew)
        linear.parametrizations.weight[0].base.copy_(torch.eye(HIDDEN))
    x, outputs = unrolled(cell, backend)

    h = torch.zeros(BATCH, HIDDEN, dtype=torch.float64)
    for t in range(TIME):
        a = x[t] @ cell.input_weight + h @ torch.matrix_exp(skew - skew.T)
        h = torch.sign(a) * torch.relu(a.abs() + cell.vector["b"])
        torch.testing.assert_close(outputs[t].detach(), h.detach(), rtol=1e-12, atol=1e-13)
    ours = cell.recurrent_weights["a"].detach().T
    torch.testing.assert_close(ours, linear.weight.detach(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("skew_init", ["henaff", "cayley"])
def test_orthogonal_network_begins_with_rotations_of_pairs(skew_init):
    torch.manual_seed(0)
    cell = OrthogonalRNN(INPUT, 400, skew_init=skew_init)

    skew = cell.recurrent_weight.detach()
    angles = skew.diagonal(1)[::2]

    assert int((skew != 0).sum()) == 200
    if skew_init == "henaff":
        assert float(angles.std()) == pytest.approx(2 * torch.pi / 12**0.5, rel=0.1)
    else:
        # -tan(u / 2) with u uniform on (0, pi / 2), whose mean is -2 ln(2) / pi
        assert float(angles.mean()) == pytest.approx(-0.4413, abs=0.05)
        assert -1 <= float(angles.min()) <= float(angles.max()) <= 0


def test_recurrent_matrix_stays_orthogonal_while_it_is_trained(make_spec):
    cell = {"name": "orthogonal_rnn", "biases": 0}
    spec = make_spec(cell=cell, training={"dtype": "float64", "steps": 20})
    run = TrainingRun(spec)
    before = run.parameters.flat.clone()
    for _ in train(run):
        pass

    (layer,) = run.model.stack.each_layer()
    used = layer.by_direction()["forward"].recurrent_weights["a"]

    assert not torch.equal(before, run.parameters.flat)
    assert orthogonality_error(used) < 1e-12


def test_spectra_and_jacobians_are_those_of_the_matrix_that_is_used():
    cell = make(Antisymmetric, epsilon=0.1, gamma=0.0)
    used = cell.recurrent_weights["a"].detach()
    x, h = torch.randn(1, INPUT, dtype=torch.float64), torch.randn(1, HIDDEN, dtype=torch.float64)

    (jacobian,) = step_jacobians(cell, x, (h,))

    torch.testing.assert_close(used, -used.T, rtol=0, atol=0)
    slope = 1 - tanh(x @ cell.input_weight + h @ used + cell.input_bias) ** 2
    expected = torch.eye(HIDDEN, dtype=torch.float64) + 0.1 * slope.detach().T * used.T
    torch.testing.assert_close(jacobian, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("cell_class", [LowRank, Antisymmetric, OrthogonalRNN])
def test_weights_are_made_once_for_all_steps(cell_class, monkeypatch):
    cell, calls = make(cell_class), []
    own = cell_class.recurrent
    monkeypatch.setattr(
        cell_class, "recurrent", lambda self, *given: calls.append(given) or own(self, *given)
    )

    for backend in ("autograd", "sequence", "compiled"):
        calls.clear()
        unrolled(cell, backend)
        assert len(calls) == 1


@pytest.mark.parametrize("backend", ["sequence", "compiled"])
def test_gradients_reach_parameters_that_only_the_recurrent_matrix_reads(backend):
    cell, found = make(LowRank), []
    for one in (backend, "autograd"):
        _, outputs = unrolled(cell, one)
        found.append(torch.autograd.grad(outputs.square().sum(), [cell.left, cell.right]))

    for ours, theirs in zip(*found, strict=True):
        assert theirs.abs().max() > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)


def test_options_that_an_orthogonal_matrix_cannot_have_are_refused():
    with pytest.raises(ValueError, match="spectral_radius does not apply to an orthogonal"):
        OrthogonalRNN(INPUT, HIDDEN, spectral_radius=0.9)


def test_units_of_a_leaky_network_excite_or_inhibit_before_and_after_training(make_spec):
    cell = {"name": "leaky_rnn", "excitatory": 0.75, "self_connections": False}
    run = TrainingRun(make_spec(cell=cell, model={"hidden_size": 8}, training={"steps": 20}))
    before = run.parameters.flat.clone()
    (layer,) = run.model.stack.each_layer()
    cell = layer.by_direction()["forward"]
    used = [cell.recurrent_weights["a"].detach().clone()]
    for _ in train(run):
        pass
    used.append(cell.recurrent_weights["a"].detach())

    assert not torch.equal(before, run.parameters.flat)
    for weights in used:
        # the row of a unit holds what it sends
        assert bool((weights[:6] >= 0).all())
        assert bool((weights[6:] <= 0).all())
        assert bool((weights.diagonal() == 0).all())
    assert int((used[0] != 0).sum()) == 8 * 7


def test_excitation_and_inhibition_of_a_leaky_network_are_balanced_at_first():
    torch.manual_seed(0)
    cell = LeakyRNN(INPUT, 400, excitatory=0.8, spectral_radius=1.5)
    weights = cell.recurrent_weights["a"].detach()

    excitation, inhibition = weights[:320].sum(0), weights[320:].sum(0)

    assert float((excitation + inhibition).mean() / excitation.mean()) == pytest.approx(0, abs=0.02)
    assert spectral_radius(weights) == pytest.approx(1.5, rel=1e-4)


@pytest.mark.parametrize(
    ("hidden", "options", "message"),
    [
        (4, {"excitatory": 0.8, "nonlinearity": "tanh"}, "excitatory needs nonlinearity = relu"),
        (4, {"excitatory": 0.9}, "leaves no inhibitory unit"),
        (4, {"excitatory": 0.1}, "leaves no excitatory unit"),
        (1, {"self_connections": False}, "self_connections must be true for hidden_size = 1"),
        (4, {"self_connections": False, "recurrent_init": "identity"}, "nothing but a diagonal"),
    ],
)
def test_leaky_network_refuses_options_that_leave_nothing(hidden, options, message):
    with pytest.raises(ValueError, match=message):
        LeakyRNN(INPUT, hidden, **options)
