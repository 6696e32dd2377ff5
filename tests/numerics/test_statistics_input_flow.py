"""The gradient to the input of every step, against a closed form and against autograd."""

import math
from dataclasses import replace

import pytest
import torch

from bptt.network.model import mean_loss
from bptt.training import TrainingRun, train

EXACT = {"dtype": "float64"}


def probe_at_start(spec):
    """Return the run before its first update, with the metrics and arrays of its first probe."""
    run = TrainingRun(spec)
    report = next(iter(train(run)))
    return run, report.metrics, report.probe


def embedded(model):
    """Return a list that is given what the embedding returns, at each call."""
    found = []
    model.embedding.register_forward_hook(lambda *given: found.append(given[-1]))
    return found


@pytest.mark.parametrize("rho", [0.7, 1.0, 1.1])
def test_input_gradient_of_a_rotation_grows_as_its_radius_to_the_power_of_the_steps(make_spec, rho):
    spec = make_spec(
        {"name": "adding", "length": 40},
        {
            "name": "rnn",
            "nonlinearity": "identity",
            "recurrent_init": "orthogonal",
            "recurrent_gain": rho,
        },
        model={"hidden_size": 2},
        statistics={"interval": 1, "sequences": 3},
        training=EXACT,
    )
    run, _, _ = probe_at_start(spec)
    with torch.no_grad():
        cell = run.model.stack.layers[0].cells[0]
        cell.input_weight.copy_(torch.eye(2))
        run.model.read_out.weight.copy_(torch.tensor([[3.0, 4.0]]))
        metrics, arrays = run.probe.measure(1, last=False)

    batch = run.probe._batch
    errors = (run.model(batch).outputs.flatten() - batch.targets.flatten()).detach()
    # of the mean squared error; 5 is the length of the row, and the block is drawn in float32
    last = 2 * 5 * float(errors.norm()) / errors.numel()
    expected = [last * rho ** (39 - t) for t in range(40)]
    assert arrays["input_flow"].tolist() == pytest.approx(expected, rel=1e-5)
    assert metrics["flow/input_ratio"] == pytest.approx(39 * math.log10(rho), abs=1e-5)


@pytest.mark.parametrize(
    ("task", "cell", "model"),
    [
        ("adding", "rnn", {}),
        ("adding", "gru_cho", {"layers": 2, "skip": "dense"}),
        ("agreement", "lstm", {"layers": 2}),
        ("copy_memory", "gru", {"layers": 3, "skip": "residual"}),
        ("right_context", "lstm", {"layers": 2, "bidirectional": True}),
    ],
)
def test_input_flow_is_the_gradient_of_the_runs_loss(make_spec, task, cell, model):
    spec = make_spec(
        task, cell, model=model, statistics={"interval": 1, "sequences": 5}, training=EXACT
    )
    run, metrics, arrays = probe_at_start(spec)
    batch = run.probe._batch
    run.model.run_by("autograd")

    if run.model.embedding is None:
        read = [batch.inputs.double().requires_grad_()]
        batch = replace(batch, inputs=read[0])
    else:
        read = embedded(run.model)
    loss = mean_loss(run.task, run.model(batch).outputs, batch)
    (gradient,) = torch.autograd.grad(loss, read)

    expected = [float(g.norm()) for g in gradient]
    assert arrays["input_flow"].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-300)
    if expected[0] > 0 < expected[-1]:
        ratio = math.log10(expected[0] / expected[-1])
        assert metrics["flow/input_ratio"] == pytest.approx(ratio, rel=1e-9)


def test_input_flow_is_added_up_over_all_windows_that_hold_a_step(make_spec):
    windows = {"truncation": 5, "truncation_every": 2}
    spec = make_spec(
        {"name": "copy_memory", "delay": 8},
        "lstm",
        statistics={"interval": 1, "sequences": 3},
        training=EXACT | windows,
    )
    run, _, arrays = probe_at_start(spec)
    batch, model = run.probe._batch, run.model
    model.run_by("autograd")

    read = embedded(model)
    loss = mean_loss(run.task, model(batch).outputs, batch)
    # the first call is of the whole sequences, without a graph
    (gradient,) = torch.autograd.grad(loss, read[1:])
    overlap, total = model.windows(batch), torch.zeros(*batch.inputs.shape, gradient.shape[-1])
    for window, (begin, sequence) in enumerate(zip(overlap.begins, overlap.sequence, strict=True)):
        for step in range(overlap.steps):
            total[begin + step, sequence] += gradient[step, window]

    expected = [float(g.norm()) for g in total]
    assert arrays["input_flow"].tolist() == pytest.approx(expected, rel=1e-6)
    assert min(expected) > 0


def test_input_flow_ends_where_the_last_window_begins(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 12},
        "gru",
        statistics={"interval": 1, "sequences": 3},
        training=EXACT | {"truncation": 4},
    )

    _, metrics, arrays = probe_at_start(spec)

    assert (arrays["input_flow"] > 0).tolist() == [False] * 8 + [True] * 4
    assert metrics["flow/input_ratio"] == -math.inf
