"""What a run reports of its gradients, against closed forms and against autograd on the model."""

import math

import pytest
import torch

from bptt.network.model import mean_loss
from bptt.training import TrainingRun, train


def probe_at_start(spec):
    """Return the run before its first update, with the metrics and arrays of its first probe."""
    run = TrainingRun(spec)
    report = next(iter(train(run)))
    return run, report.metrics, report.probe


@pytest.mark.parametrize("rho", [0.5, 0.8, 0.95, 1.0, 1.05, 1.2])
def test_linear_network_decays_as_its_spectral_radius(make_spec, rho):
    spec = make_spec(
        {"name": "adding", "length": 300},
        {
            "name": "rnn",
            "nonlinearity": "identity",
            "recurrent_init": "gaussian",
            "spectral_radius": rho,
        },
        model={"hidden_size": 32},
        statistics={"interval": 1, "jacobian_interval": 1},
    )

    _, metrics, arrays = probe_at_start(spec)

    late = arrays["flow/0/forward/h"].flip(0)[100:].log()
    slope = float((late[-1] - late[0]) / (len(late) - 1))
    assert slope == pytest.approx(math.log(rho), abs=0.01)
    assert metrics["flow/slope"] == pytest.approx(math.log10(rho), abs=0.02)
    assert metrics["recurrent/spectral_radius"] == pytest.approx(rho, rel=1e-6)
    assert metrics["lyapunov/le1"] == pytest.approx(math.log(rho), abs=0.01)


@pytest.mark.parametrize("task", ["adding", "agreement", "right_context"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru_cho"])
def test_flow_is_the_gradient_of_the_runs_loss(make_spec, task, cell):
    bidirectional = task == "right_context"
    spec = make_spec(
        task,
        cell,
        model={"layers": 2, "bidirectional": bidirectional},
        statistics={"interval": 1, "sequences": 5},
        training={"dtype": "float64"},
    )
    run, _, arrays = probe_at_start(spec)
    batch = run.probe._batch

    # which has a node of the graph for every step
    run.model.run_by("autograd")
    forward = run.model(batch)
    for layer in forward.layers:
        for unrolled in layer.values():
            for state in unrolled.steps:
                for tensor in state:
                    tensor.retain_grad()
    mean_loss(run.task, forward.outputs, batch).backward()

    for number, layer in enumerate(forward.layers):
        for direction, unrolled in layer.items():
            for index, name in enumerate(run.model.stack.layers[0].cells[0].states):
                steps = unrolled.states_of(index)[:: 1 if direction == "forward" else -1]
                expected = [0.0 if s.grad is None else float(s.grad.norm()) for s in steps]
                measured = arrays[f"flow/{number}/{direction}/{name}"]
                assert measured.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_lag_follows_single_losses_back(make_spec):
    spec = make_spec(
        {"name": "copy_memory", "delay": 8},
        "gru",
        statistics={"interval": 1, "anchors": 4, "sequences": 3},
        training={"dtype": "float64"},
    )
    run, _, arrays = probe_at_start(spec)
    batch = run.probe._batch

    anchors = [int(t) for t in arrays["anchors"]]
    curves = arrays["lag/0/forward/h"]

    assert len(anchors) == 4
    assert anchors[-1] == batch.inputs.shape[0] - 1
    run.model.run_by("autograd")
    for row, t in enumerate(anchors):
        forward = run.model(batch)
        states = forward.layers[0]["forward"].states_of(0)[: t + 1]
        loss = run.task.losses(forward.outputs, batch)[t].mean()
        gradients = torch.autograd.grad(loss, states)
        expected = [float(g.norm()) for g in reversed(gradients)]
        assert curves[row, : t + 1].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-300)
        assert curves[row, t + 1 :].isnan().all()


def test_lag_equals_finite_differences(make_spec):
    spec = make_spec(
        {"name": "copy_memory", "delay": 2, "length": 2},
        "gru",
        model={"hidden_size": 3},
        statistics={"interval": 1, "anchors": 2, "sequences": 2},
        training={"dtype": "float64"},
    )
    run, _, arrays = probe_at_start(spec)
    batch = run.probe._batch
    forward = run.model(batch)
    did = forward.layers[0]["forward"]
    cell = run.model.stack.layers[0].cells[0]

    def loss_from(start, h, end):
        """Return the loss at `end` if the state after `start` is h."""
        with torch.no_grad():
            for t in range(start + 1, end + 1):
                (h,) = cell(did.inputs[t], (h,))
            outputs = forward.outputs.clone()
            outputs[end] = run.model.read_out(h)
            return float(run.task.losses(outputs, batch)[end].mean())

    for row, t in enumerate(int(anchor) for anchor in arrays["anchors"]):
        for k in range(t + 1):
            h = did.states[0][t - k].detach()
            nudges = 1e-6 * torch.eye(h.numel(), dtype=h.dtype).view(-1, *h.shape)
            rises = [loss_from(t - k, h + n, t) - loss_from(t - k, h - n, t) for n in nudges]
            expected = torch.tensor(rises, dtype=h.dtype).norm() / 2e-6
            found = float(arrays["lag/0/forward/h"][row, k])
            assert found == pytest.approx(float(expected), rel=1e-5)


def test_statistics_change_nothing_in_training(make_spec):
    with_statistics = TrainingRun(make_spec(cell="lstm", statistics={"interval": 1}))
    without = TrainingRun(make_spec(cell="lstm"))

    for run in (with_statistics, without):
        for _ in train(run):
            pass

    assert with_statistics.parameters.flat.tolist() == without.parameters.flat.tolist()
    assert 0 < with_statistics.statistics_seconds < with_statistics.seconds
    assert without.statistics_seconds == 0


def test_each_probe_is_of_the_model_as_it_is_then(make_spec):
    run = TrainingRun(make_spec({"name": "adding", "length": 12}, statistics={"interval": 5}))
    found = []
    for _ in range(11):
        metrics = run.advance().metrics
        if "layer/read_out_weight_norm" in metrics:
            own = run.model.read_out.weight, run.model.read_out.bias
            now = torch.cat([p.detach().flatten() for p in own]).double().norm()
            found.append(metrics["layer/read_out_weight_norm"])
            assert found[-1] == pytest.approx(now.item(), rel=1e-12)
    assert len(set(found)) == 3


def test_probe_runs_at_its_interval_and_at_the_end(make_spec):
    spec = make_spec(
        training={"steps": 7, "stop_when_solved": False},
        statistics={"interval": 2, "jacobian_interval": 5},
    )

    reports = list(train(TrainingRun(spec)))

    assert [r.step for r in reports if r.probe] == [0, 2, 4, 5, 6, 7]
    assert [r.step for r in reports if "lyapunov/0/forward" in r.probe] == [0, 5, 7]


def test_interval_zero_takes_no_statistics(make_spec):
    spec = make_spec(statistics={"interval": 0, "jacobian_interval": 1})

    assert not any(report.probe for report in train(TrainingRun(spec)))


def test_gates_of_a_forget_bias_are_open(make_spec):
    spec = make_spec(cell={"name": "lstm", "forget_bias": 6.0}, statistics={"interval": 1})

    _, metrics, _ = probe_at_start(spec)

    assert metrics["gate/f_mean"] > 0.99
    assert metrics["gate/f_saturated"] == 1.0
    assert metrics["gate/i_saturated"] < 0.1


def test_vanished_gradient_is_counted_as_what_float32_would_flush(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 120},
        {"name": "rnn", "recurrent_init": "orthogonal", "recurrent_gain": 0.3},
        statistics={"interval": 1, "sequences": 2},
    )

    _, metrics, arrays = probe_at_start(spec)

    flow = arrays["flow/0/forward/h"]
    assert metrics["grad/subnormal"] == int((flow < torch.finfo(torch.float32).tiny).sum()) > 30
    assert (flow > 0).all()


@pytest.mark.parametrize(
    ("steps", "interval", "expected"),
    [
        (150, None, 100),
        (2_500, None, 100),
        (5_000, None, 200),
        (10**7, None, 1_000),
        (5_000, 7, 7),
        (5_000, 0, 0),
    ],
)
def test_probes_are_as_many_in_a_long_run_unless_the_file_says(
    make_spec, steps, interval, expected
):
    spec = make_spec(training={"steps": steps}, statistics={"interval": interval})

    assert spec.probe_interval == expected
