"""Adaptive gradient clipping of whole models, against a loop over their units."""

import math

import pytest
import torch
from torch import nn, tensor
from torch.func import vmap

from bptt import registry
from bptt.contracts import Cell, FlatGradients, PointwiseCell, joint_norm
from bptt.execution.checkpoint import from_bytes, to_bytes
from bptt.network.layers import Stack
from bptt.network.parameters import FlatParameters
from bptt.training import TrainingRun, train
from bptt_plugins.clippers.agc import AdaptiveGradientClipping

FLOAT64 = torch.float64
MODELS = {
    "rnn": ("latch", "rnn", {}),
    "lstm": ("adding", {"name": "lstm", "biases": 2}, {"layers": 2}),
    "gru without biases": ("adding", {"name": "gru", "biases": 0}, {}),
    "lru": ("adding", "lru", {}),
    "gru_cho": ("adding", "gru_cho", {"layers": 2, "skip": "residual"}),
    "both ways": ("adding", "mingru", {"bidirectional": True, "layers": 2, "skip": "dense"}),
    "highway": ("adding", "gru", {"layers": 3, "skip": "highway"}),
    "embedding": ("agreement", "lstm", {"embedding_size": 5}),
}


class Foreign(Cell):
    """A cell of matrices of its own, of modules of torch, and of what is neither."""

    states = ("h",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.read = nn.Linear(input_size, 2 * hidden_size)
        self.inner = nn.GRUCell(input_size, hidden_size)
        self.weight = nn.Parameter(torch.randn(hidden_size, hidden_size))
        self.heads = nn.Parameter(torch.randn(2, 3, hidden_size))
        self.over_time = nn.Conv1d(input_size, 3, 2)
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, x_t, state):
        raise NotImplementedError("only its parameters are looked at")


class Whole(nn.Module):
    """What a run makes of cells, by the same names."""

    def __init__(self):
        super().__init__()
        self.stack = Stack(lambda size: Foreign(size, 4), 2, 4, layers=2, bidirectional=True)
        self.read_out = nn.Linear(8, 3)


def units_of(model, clip_read_out):
    """Yield (name, index) of each unit, from the modules that hold the parameters."""
    for path, module in model.named_modules():
        if path == "read_out" and not clip_read_out:
            continue
        for name, parameter in module.named_parameters(prefix=path, recurse=False):
            if parameter.numel() == 0:
                continue
            if parameter.dim() < 2:
                yield name, ...
            elif isinstance(module, Cell):
                for head in range(math.prod(parameter.shape[:-2])):
                    for column in range(parameter.shape[-1]):
                        place = (head, slice(None), column)
                        yield name, place if parameter.dim() > 2 else place[1:]
            else:
                for row in range(parameter.shape[0]):
                    yield name, row


def clip_by_loop(model, gradients, clipping, eps, clip_read_out=False):
    """Return the clipped gradients and the bound of each unit, in float64."""
    parameters = dict(model.named_parameters())
    found = {name: gradient.double().clone() for name, gradient in gradients.items()}
    bounds = []
    for name, place in units_of(model, clip_read_out):
        weights = parameters[name].detach().double()[place].flatten().tolist()
        gradient = found[name][place].flatten().tolist()
        bounds.append(clipping * max(math.hypot(*weights), eps))
        found[name][place] *= min(1.0, bounds[-1] / max(math.hypot(*gradient), 1e-6))
    return found, bounds


def gradients_of(make_spec, kind, dtype="float64"):
    """Return model and parameters of a run, and the gradients of its first batch."""
    task, cell, model = MODELS[kind]
    run = TrainingRun(make_spec(task, cell, model=model, training={"dtype": dtype}))
    batch, _ = run.data.batch(0)
    run.passes.run(batch, None)
    return run.model, run.parameters


def middling(model, gradients, clip_read_out=False):
    """Return the clipping that half of the units exceed."""
    parameters = dict(model.named_parameters())
    ratios = [
        float(gradients[name][place].norm() / parameters[name].detach()[place].norm().clamp(1e-3))
        for name, place in units_of(model, clip_read_out)
    ]
    return float(tensor(ratios).median()) * 1.0001


def clip(clipper, found, parameters):
    clipped, state, report = clipper.clip(found, parameters, {})
    assert state == {}
    return clipped, report


@pytest.mark.parametrize("clip_read_out", [False, True])
@pytest.mark.parametrize("kind", MODELS)
def test_agc_is_a_loop_over_the_units_of_a_model(make_spec, kind, clip_read_out):
    model, parameters = gradients_of(make_spec, kind)
    found, clipping = parameters.gradients, middling(model, parameters.gradients, clip_read_out)
    expected, bounds = clip_by_loop(model, found, clipping, 1e-3, clip_read_out)
    clipper = AdaptiveGradientClipping(clipping=clipping, clip_read_out=clip_read_out)

    clipped, report = clip(clipper, found, parameters.values)

    for name, gradient in expected.items():
        torch.testing.assert_close(clipped[name], gradient, rtol=1e-13, atol=0)
    same = (clipped.flat == found.flat)[found.flat != 0]
    assert 0.1 < same.double().mean() < 0.9
    assert float(report.grad_norm) == pytest.approx(float(joint_norm(found)), rel=1e-13)
    assert float(report.clipped_grad_norm) == pytest.approx(float(joint_norm(clipped)), rel=1e-13)
    assert float(report.threshold) == pytest.approx(math.hypot(*bounds), rel=1e-13)
    assert 0 < report.scale < 1
    assert report.clipped


@pytest.mark.parametrize("kind", ["lstm", "embedding"])
def test_float32_gradients_are_clipped_as_float64_ones_within_rounding(make_spec, kind):
    model, parameters = gradients_of(make_spec, kind, "float32")
    found, clipping = parameters.gradients, middling(model, parameters.gradients)
    expected, _ = clip_by_loop(model, found, clipping, 1e-3)

    clipped, _ = clip(AdaptiveGradientClipping(clipping=clipping), found, parameters.values)

    for name, gradient in expected.items():
        assert clipped[name].dtype == torch.float32
        torch.testing.assert_close(clipped[name].double(), gradient, rtol=2e-7, atol=0)


@pytest.mark.parametrize("clip_read_out", [False, True])
def test_units_of_a_foreign_cell_are_known_by_who_holds_them(clip_read_out):
    torch.manual_seed(0)
    model = Whole().double()
    found = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    clipping = middling(model, found, clip_read_out)
    expected, _ = clip_by_loop(model, found, clipping, 1e-3, clip_read_out)

    clipper = AdaptiveGradientClipping(clipping=clipping, clip_read_out=clip_read_out)
    clipped, report = clip(clipper, found, dict(model.named_parameters()))

    for name, gradient in expected.items():
        torch.testing.assert_close(clipped[name], gradient, rtol=1e-13, atol=0)
    assert not any(value.requires_grad for value in (*clipped.values(), *report))


@pytest.mark.parametrize(
    "kind",
    [
        name
        for name, (plugin,) in registry.discover("cell").items()
        if plugin.distribution == "bptt" and issubclass(registry.load("cell", name), PointwiseCell)
    ],
)
def test_matrices_of_a_built_in_cell_have_a_row_for_each_input_and_a_column_for_each_unit(kind):
    cell = registry.construct_cell(kind, {}, 3, 5).double()
    inputs, h = torch.zeros(1, 3, dtype=FLOAT64), torch.zeros(1, 5, dtype=FLOAT64)
    inputs[0, 1] = h[0, 1] = 1.0
    rest = [torch.full((1, 5), 0.3, dtype=FLOAT64) for _ in cell.states[1:]]

    # a product multiplies what a step makes; a matrix that is made of another one is what counts
    of_state, _ = used = [w if w is None else w.detach() for w in cell.used_weights()]
    of_state.requires_grad_()
    cell.used_weights = lambda: used

    sum(state.sum() for state in cell(inputs, (h, *rest))).backward()

    matrices = [matrix for matrix in (cell.input_weight, of_state) if matrix.numel()]
    assert matrices
    for matrix in matrices:
        assert matrix.grad.abs().sum(1).nonzero().flatten().tolist() == [1]


def test_parameters_in_another_order_are_found_by_name(make_spec):
    _, parameters = gradients_of(make_spec, "lstm")
    clipper = AdaptiveGradientClipping(clipping=1e-3)
    expected, _ = clip(clipper, parameters.gradients, parameters.values)

    backwards = dict(reversed(list(parameters.named.items())))
    places, end = {}, 0
    for name, parameter in backwards.items():
        places[name] = (slice(end, end := end + parameter.numel()), parameter.shape)
    flat = torch.cat([parameter.detach().flatten() for parameter in backwards.values()])
    for weights in (backwards, FlatGradients(flat, places)):
        clipped, _ = clip(clipper, parameters.gradients, weights)
        assert torch.equal(clipped.flat, expected.flat)
        alone, _ = clip(clipper, dict(parameters.gradients), weights)
        assert all(torch.equal(alone[name], expected[name]) for name in expected)


def test_agc_of_many_runs_equals_a_loop_over_runs():
    torch.manual_seed(0)
    model, runs = Whole().double(), 3
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    found, weights = (
        {name: torch.randn(runs, *shape, dtype=FLOAT64) for name, shape in shapes.items()}
        for _ in range(2)
    )
    clipper = AdaptiveGradientClipping(clipping=1.0)

    together, _, reports = vmap(clipper.clip)(found, weights, {})
    shared, _, _ = vmap(clipper.clip, in_dims=(0, None, None))(
        found, dict(model.named_parameters()), {}
    )

    for run in range(runs):
        own = {name: gradient[run] for name, gradient in found.items()}
        clipped, report = clip(clipper, own, {name: w[run] for name, w in weights.items()})
        alike, _ = clip(clipper, own, dict(model.named_parameters()))
        for name in shapes:
            torch.testing.assert_close(together[name][run], clipped[name], rtol=1e-14, atol=0)
            torch.testing.assert_close(shared[name][run], alike[name], rtol=1e-14, atol=0)
        for field in report._fields:
            torch.testing.assert_close(getattr(reports, field)[run], getattr(report, field))


def test_training_is_a_plain_loop_with_units_clipped_one_by_one(make_spec):
    spec = make_spec(
        "adding",
        "lstm",
        {"name": "agc", "clipping": 0.005},
        optimizer={"name": "sgd", "lr": 0.5},
        training={"dtype": "float64", "stop_when_solved": False},
    )
    run, plain = TrainingRun(spec), TrainingRun(spec)

    series = {report.step: dict(report.metrics) for report in train(run)}
    for step in range(spec.training.steps):
        batch, _ = plain.data.batch(step)
        plain.passes.run(batch, None)
        clipped, _ = clip_by_loop(plain.model, plain.parameters.gradients, 0.005, 1e-3)
        with torch.no_grad():
            for name, parameter in plain.parameters.named.items():
                parameter -= 0.5 * clipped[name]

    assert series[spec.training.steps]["grad/clip_fraction"] == 1.0
    torch.testing.assert_close(run.parameters.flat, plain.parameters.flat, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("killed_at", [1, 3, 5])
def test_resumed_run_has_the_bits_of_an_undisturbed_one(make_spec, killed_at):
    spec = make_spec("agreement", "gru", "agc", training={"stop_when_solved": False})
    undisturbed = TrainingRun(spec)
    expected = [dict(report.metrics) for report in train(undisturbed)]

    first = TrainingRun(spec)
    for report in train(first):
        if report.step == killed_at:
            break
    second = TrainingRun(spec)
    second.load_state_dict(from_bytes(to_bytes(first.state_dict())))
    rest = [dict(report.metrics) for report in train(second)]

    assert rest == expected[killed_at + 1 :]
    assert second.parameters.flat.tolist() == undisturbed.parameters.flat.tolist()


def test_clipper_sees_the_weights_that_training_changes(make_spec):
    parameters = FlatParameters(TrainingRun(make_spec()).model)

    with torch.no_grad():
        parameters.flat += 1

    for name, parameter in parameters.named.items():
        assert torch.equal(parameters.values[name], parameter)
