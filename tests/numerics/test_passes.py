"""An update's two passes by hand are what autograd makes of the same model."""

from dataclasses import replace

import pytest
import torch

from bptt.contracts import PointwiseCell
from bptt.network.model import mean_loss
from bptt.network.passes import Passes
from bptt.training import TrainingRun
from bptt_plugins.cells.lstm import LSTM

MODELS = {
    "reads the last step": ({"name": "adding", "length": 12}, {}, {}),
    "lengths differ": ({"name": "adding", "variant": "pascanu", "length": 20}, {}, {}),
    "tokens": ({"name": "latch", "length": 12}, {}, {}),
    "reads every step": ({"name": "copy_memory"}, {}, {}),
    "layers": ({"name": "adding", "length": 12}, {"layers": 3}, {}),
    "layers over tokens, every step": ({"name": "copy_memory"}, {"layers": 2}, {}),
    "truncation": ({"name": "copy_memory"}, {"layers": 2}, {"truncation": 5}),
    "mask and lengths": ({"name": "right_context"}, {"layers": 2}, {}),
}
BOTH, UNEVEN = {"bidirectional": True}, {"name": "adding", "variant": "pascanu", "length": 20}
BESIDE = {
    f"{skip}, {told}": (task, {"layers": 3, "skip": skip, **model}, training)
    for skip in ("none", "residual", "highway", "dense")
    for told, task, model, training in (
        ("last", {"name": "adding", "length": 12}, {}, {}),
        ("last, lengths", UNEVEN, {}, {}),
        ("tokens, every", {"name": "copy_memory"}, {}, {"truncation": 5}),
        ("windows", {"name": "copy_memory"}, {}, {"truncation": 6, "truncation_every": 2}),
        ("both, last", {"name": "adding", "length": 12}, BOTH, {}),
        ("both, last, lengths", UNEVEN, BOTH, {"truncation": 4}),
        ("both, mask and lengths", {"name": "right_context"}, BOTH, {}),
        (
            "as wide as its input",
            {"name": "copy_memory"},
            {"embedding_size": 8, "hidden_size": 8},
            {},
        ),
    )
}
"""Models with skip connections or two directions."""


def run_of(make_spec, monkeypatch, backend, cell, task, model, training):
    monkeypatch.setenv("BPTT_BACKEND", backend)
    statistics = {"interval": 100, "jacobian_interval": 0}
    exact = {"dtype": "float64", **training}
    spec = make_spec(task, cell, model=model, training=exact, statistics=statistics, seed=3)
    return TrainingRun(spec)


@pytest.mark.parametrize(
    "cell",
    [
        "rnn",
        "lstm",
        "gru",
        {"name": "gru", "biases": 2},
        "gru_cho",
        "lem",
        "antisymmetric",
        {"name": "antisymmetric", "gated": True},
        "orthogonal_rnn",
        {"name": "leaky_rnn", "excitatory": 0.5, "self_connections": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", MODELS)
def test_both_ways_agree(make_spec, monkeypatch, name, cell):
    check_both_ways(make_spec, monkeypatch, cell, MODELS[name])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "lem", "orthogonal_rnn"])
@pytest.mark.parametrize("name", BESIDE)
def test_both_ways_agree_beside_a_cell_and_in_both_directions(make_spec, monkeypatch, name, cell):
    check_both_ways(make_spec, monkeypatch, cell, BESIDE[name])


def check_both_ways(make_spec, monkeypatch, cell, model):
    found = {}
    for backend in ("autograd", "compiled"):
        run = run_of(make_spec, monkeypatch, backend, cell, *model)
        batch, _ = run.data.batch(0)
        forward, loss = run.passes.run(batch, None)
        norms = [one.gradient_norms for layer in forward.layers for one in layer.values()]
        gradients = dict(run.parameters.gradients)
        found[backend] = (
            forward.outputs,
            torch.tensor(loss),
            torch.cat(norms),
            *forward.final[-1],
            *gradients.values(),
        )
    # only the way by hand leaves no graph
    assert found["autograd"][0].requires_grad
    assert not found["compiled"][0].requires_grad
    for expected, value in zip(*found.values(), strict=True):
        torch.testing.assert_close(value, expected.detach(), rtol=1e-9, atol=1e-12)


DENSE = {"layers": 3, "skip": "dense"}
BOTH_WAYS = {"layers": 2, "bidirectional": True, "skip": "residual"}
READ = MODELS | {
    "dense": ({"name": "copy_memory"}, DENSE, {}),
    "both directions": ({"name": "right_context"}, BOTH_WAYS, {}),
}


@pytest.mark.parametrize("backend", ["autograd", "compiled"])
@pytest.mark.parametrize("name", READ)
def test_gradient_to_what_the_first_layer_reads(make_spec, monkeypatch, name, backend):
    run = run_of(make_spec, monkeypatch, backend, "lstm", *READ[name])
    batch, _ = run.data.batch(0)

    passes = Passes(run.model, run.parameters, run.task, gradient_norms=False, to_inputs=True)
    found = passes.run(batch, None)[0].to_inputs

    read = []
    if run.model.embedding is None:
        read = [batch.inputs.double().requires_grad_()]
        batch = replace(batch, inputs=read[0])
    else:
        run.model.embedding.register_forward_hook(lambda *given: read.append(given[-1]))
    run.model.run_by("autograd")
    loss = mean_loss(run.task, run.model(batch).outputs, batch)
    torch.testing.assert_close(found, *torch.autograd.grad(loss, read), rtol=1e-9, atol=1e-12)
    assert found.shape[:2] == batch.inputs.shape[:2]
    assert found.abs().sum() > 0


def test_state_is_carried_from_window_to_window(make_spec, monkeypatch, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question: " * 50)
    task = {"name": "char_lm", "text": str(text), "window": 8}
    losses = {}
    for backend in ("autograd", "compiled"):
        run = run_of(make_spec, monkeypatch, backend, "lstm", task, {"layers": 2}, {})
        # the first report comes before the first update
        reports = [run.advance() for _ in range(6)][1:]
        losses[backend] = [report.metrics["train/loss"] for report in reports]
    assert losses["compiled"] == pytest.approx(losses["autograd"], rel=1e-9)


@pytest.mark.parametrize("name", ["reads the last step", "lengths differ", "mask and lengths"])
def test_every_update_agrees_though_buffers_are_used_again(make_spec, monkeypatch, name):
    runs = {
        backend: run_of(make_spec, monkeypatch, backend, "lstm", *MODELS[name])
        for backend in ("autograd", "compiled")
    }
    losses = {backend: [] for backend in runs}
    # by turns, so that nothing of one run can serve another
    for step in range(20):
        for backend, run in runs.items():
            batch, _ = run.data.batch(step)
            _, loss = run.passes.run(batch, None)
            run.parameters.flat.data.sub_(run.parameters.flat.grad, alpha=0.1)
            losses[backend].append(loss)
    assert losses["compiled"] == pytest.approx(losses["autograd"], rel=1e-9)


def test_loss_that_only_autograd_can_follow(make_spec, monkeypatch):
    found = []
    for known in (True, False):
        run = run_of(make_spec, monkeypatch, "compiled", "gru", *MODELS["mask and lengths"])
        if not known:
            run.task.loss_gradients = lambda outputs, batch: None
        _, loss = run.passes.run(run.data.batch(0)[0], None)
        found.append((torch.tensor(loss), run.parameters.gradients.flat))
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-14)


class Restless(LSTM):
    """A cell that does not start from zeros."""

    def initial_state(self, batch_size):
        return tuple(s + 0.5 for s in super().initial_state(batch_size))


def test_initial_state_of_a_cells_own(make_spec, monkeypatch):
    found = {}
    for backend in ("autograd", "compiled"):
        task = {"name": "adding", "length": 12}
        run = run_of(make_spec, monkeypatch, backend, "lstm", task, {}, {})
        run.model.stack.layers[0].cells[0].__class__ = Restless
        batch, _ = run.data.batch(0)
        found[backend] = run.passes.run(batch, None)
    assert not found["compiled"][0].outputs.requires_grad
    assert found["compiled"][1] == pytest.approx(found["autograd"][1], rel=1e-10)


def test_hook_on_a_weight_is_heeded(make_spec, monkeypatch):
    task = {"name": "adding", "length": 12}
    run = run_of(make_spec, monkeypatch, "compiled", "gru", task, {}, {})
    weight = run.model.stack.layers[0].cells[0].recurrent_weight
    weight.register_hook(lambda gradient: gradient.tril())

    run.passes.run(run.data.batch(0)[0], None)

    found = run.parameters.gradients["stack.layers.0.cells.0.recurrent_weight"]
    assert torch.equal(found, found.tril())
    assert found.abs().sum() > 0


def test_parameter_that_no_kernel_knows_gets_its_gradient(make_spec, monkeypatch):
    task = {"name": "adding", "length": 12}
    run = run_of(make_spec, monkeypatch, "auto", "gru", task, {}, {})
    run.model.gain = torch.nn.Parameter(torch.ones(3))
    parameters = type(run.parameters)(run.model)

    passes = Passes(run.model, parameters, run.task, gradient_norms=False)
    forward, _ = passes.run(run.data.batch(0)[0], None)

    assert forward.outputs.requires_grad
    assert torch.equal(parameters.gradients["gain"], torch.zeros(3))


def test_step_that_changes_in_mid_run_is_not_trained_as_it_was(make_spec, monkeypatch):
    task = {"name": "adding", "length": 12}
    run = run_of(make_spec, monkeypatch, "auto", "gru", task, {}, {})
    cell = run.model.stack.layers[0].cells[0]
    assert isinstance(cell, PointwiseCell)
    batch, _ = run.data.batch(0)
    _, before = run.passes.run(batch, None)

    def step(self, r, z, n_input, n_state, h):
        return torch.tanh(n_input) * z

    monkeypatch.setattr(type(cell), "step", step)
    forward, after = run.passes.run(batch, None)

    assert not forward.outputs.requires_grad
    assert after != before
    expected = run.model(batch).outputs
    torch.testing.assert_close(forward.outputs, expected.detach())
