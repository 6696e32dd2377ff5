"""Which layer, direction and step each figure of the probe speaks of, by hand."""

import copy
import math

import pytest
import torch

from bptt.training import TrainingRun, train

EXACT = {"dtype": "float64"}


def probe_at_start(spec):
    """Return the run before its first update, with the metrics and arrays of its first probe."""
    run = TrainingRun(spec)
    report = next(iter(train(run)))
    return run, report.metrics, report.probe


def read_backwards(run):
    """Return the outputs of a bidirectional model of one layer, and its backward h by position."""
    model, batch = run.model, run.probe._batch
    x = model.embedding(batch.inputs)
    ahead_cell, back_cell = model.stack.layers[0].cells
    time = x.shape[0]
    ahead, back = ahead_cell.initial_state(x.shape[1]), back_cell.initial_state(x.shape[1])
    forward, backward = [], [None] * time
    for t in range(time):
        ahead = ahead_cell(x[t], ahead)
        forward.append(ahead[0])
    for t in reversed(range(time)):
        back = back_cell(x[t], back)
        backward[t] = back[0]
    return forward, backward


def test_backward_lag_of_a_task_read_at_its_end_counts_from_the_first_position(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 9},
        "rnn",
        model={"bidirectional": True},
        statistics={"interval": 1, "sequences": 5},
        training=EXACT,
    )
    run, _, arrays = probe_at_start(spec)

    forward, backward = read_backwards(run)
    outputs = run.model.read_out(torch.cat([forward[-1], backward[0]], dim=-1))
    loss = torch.nn.functional.cross_entropy(outputs, run.probe._batch.targets)
    by_position = torch.autograd.grad(loss, backward)

    expected = [float(g.norm()) for g in by_position]
    assert expected[0] > 2 * expected[-1] > 0
    assert arrays["lag/0/backward/h"].shape == (1, 9)
    assert arrays["lag/0/backward/h"][0].tolist() == pytest.approx(expected, rel=1e-9)
    assert arrays["flow/0/backward/h"].tolist() == pytest.approx(expected, rel=1e-9)


def test_backward_lag_of_a_task_read_everywhere_leads_to_later_positions(make_spec):
    spec = make_spec(
        {"name": "right_context", "length": 9},
        "rnn",
        model={"bidirectional": True},
        statistics={"interval": 1, "sequences": 5, "anchors": 4},
        training=EXACT,
    )
    run, _, arrays = probe_at_start(spec)
    anchors = [int(t) for t in arrays["anchors"]]
    curves = arrays["lag/0/backward/h"]
    assert len(anchors) == 4
    assert anchors[0] == 0

    for row, t in enumerate(anchors):
        forward, backward = read_backwards(run)
        outputs = run.model.read_out(torch.cat([forward[t], backward[t]], dim=-1))
        loss = torch.nn.functional.cross_entropy(
            outputs,
            run.probe._batch.targets[t],
            weight=torch.tensor([1.0, 5.0], dtype=torch.float64),
            reduction="none",
        ).mean()
        expected = [float(g.norm()) for g in torch.autograd.grad(loss, backward[t:])]
        assert curves[row, : 9 - t].tolist() == pytest.approx(expected, rel=1e-9)
        assert curves[row, 9 - t :].isnan().all()


def test_gates_and_exponents_are_those_of_the_top_layer(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 30},
        "lstm",
        model={"layers": 2},
        statistics={"interval": 1, "jacobian_interval": 1},
        training=EXACT,
    )
    _, metrics, arrays = probe_at_start(spec)

    top = {
        "gate/f_mean": arrays["gate/1/forward/f"][0].item(),
        "gate/o_saturated": arrays["gate/1/forward/o"][1:].sum().item(),
        "lyapunov/le1": arrays["lyapunov/1/forward"][0].item(),
        "lyapunov/sum": arrays["lyapunov_sum/1/forward"][0].item(),
    }
    for name, value in top.items():
        assert metrics[name] == pytest.approx(value, rel=1e-9), name
    assert arrays["gate/0/forward/f"][0].item() != pytest.approx(metrics["gate/f_mean"], rel=1e-4)
    assert arrays["lyapunov/0/forward"][0].item() != pytest.approx(
        metrics["lyapunov/le1"], rel=1e-4
    )


@pytest.mark.parametrize(
    ("layers", "top_differs_by"), [(1, 0.0), (2, 0.005), (4, 0.04)], ids=lambda value: f"{value}"
)
def test_slope_is_that_of_the_gradient_along_the_recurrent_edges(make_spec, layers, top_differs_by):
    spec = make_spec(
        {"name": "latch", "length": 20},
        "gru",
        model={"layers": layers},
        statistics={"interval": 1, "sequences": 4},
        training=EXACT,
    )
    run, metrics, arrays = probe_at_start(spec)

    cut = fitted_slope(gradient_over_edges(run))
    top = fitted_slope(arrays[f"lag/{layers - 1}/forward/h"][0, 1:])

    assert metrics["flow/slope"] == pytest.approx(cut, abs=0.003)
    # the top layer alone does not see what goes on below it
    assert abs(top - cut) >= top_differs_by


def gradient_over_edges(run):
    """Return the norm of the gradient through all recurrent edges k steps back, k = 1, 2, ..."""
    model, batch = run.model, run.probe._batch
    cells = [layer.cells[0] for layer in model.stack.layers]
    x = model.embedding(batch.inputs)
    states = [cell.initial_state(x.shape[1])[0] for cell in cells]
    edges = []
    for x_t in x:
        # what the next step reads, apart from what the layer above reads now
        edges.append([state.clone().requires_grad_() for state in states])
        below = x_t
        for layer, (cell, edge) in enumerate(zip(cells, edges[-1], strict=True)):
            (states[layer],) = cell(below, (edge,))
            below = states[layer]
    loss = torch.nn.functional.cross_entropy(model.read_out(states[-1]), batch.targets)
    found = torch.autograd.grad(loss, [edge for step in edges for edge in step])
    steps = [found[at : at + len(cells)] for at in range(0, len(found), len(cells))]
    # those into the first step come from no position of the sequence
    return torch.stack([torch.stack(one).norm() for one in reversed(steps[1:])])


def fitted_slope(norms):
    lags = torch.arange(len(norms), dtype=torch.float64)
    columns = torch.stack([lags, torch.ones_like(lags)], dim=1)
    return torch.linalg.lstsq(columns, norms.log10().unsqueeze(1)).solution[0].item()


@pytest.mark.parametrize(
    ("cell", "asked", "given"), [("rnn", 3, 3), ("rnn", 50, 8), ("lstm", 11, 11)]
)
def test_as_many_lyapunov_exponents_as_asked_for_and_possible(make_spec, cell, asked, given):
    spec = make_spec(
        cell=cell,
        statistics={"interval": 1, "jacobian_interval": 1, "lyapunov_exponents": asked},
    )

    _, _, arrays = probe_at_start(spec)

    assert arrays["lyapunov/0/forward"].shape == (given,)


def test_layer_norms_are_those_of_each_layers_own_parameters(make_spec):
    spec = make_spec(
        "latch",
        "gru",
        model={"layers": 3, "skip": "highway"},
        statistics={"interval": 1, "sequences": 4},
        training=EXACT,
    )
    run, metrics, _ = probe_at_start(spec)
    model, batch = run.model, run.probe._batch

    outputs = model(batch).outputs
    torch.nn.functional.cross_entropy(outputs, batch.targets).backward()

    groups = {str(number): model.stack.layers[number] for number in range(3)}
    for name, module in (groups | {"read_out": model.read_out}).items():
        parameters = [p for p in module.parameters() if p.numel()]
        gradient = torch.cat([p.grad.flatten() for p in parameters]).norm().item()
        weight = torch.cat([p.detach().flatten() for p in parameters]).norm().item()
        assert metrics[f"layer/{name}_grad_norm"] == pytest.approx(gradient, rel=1e-9)
        assert metrics[f"layer/{name}_weight_norm"] == pytest.approx(weight, rel=1e-9)


def trajectory(run):
    """Return h before the first step and after each, (time + 1, batch, hidden), of an rnn."""
    cell = run.model.stack.layers[0].cells[0]
    x = run.probe._batch.inputs
    h = torch.zeros(x.shape[1], cell.hidden_size, dtype=torch.float64)
    states = [h]
    with torch.no_grad():
        for x_t in x:
            a = x_t @ cell.input_weight + h @ cell.recurrent_weight + cell.input_bias
            h = torch.tanh(a)
            states.append(h)
    return torch.stack(states), cell.recurrent_weight.detach()


def test_lyapunov_exponent_of_one_unit_is_the_mean_log_of_its_derivatives(make_spec):
    spec = make_spec(
        {"name": "adding", "length": 25},
        {"name": "rnn", "input_std": 2.0},
        model={"hidden_size": 1},
        statistics={"interval": 1, "jacobian_interval": 1, "sequences": 2},
        training=EXACT,
    )
    run, metrics, _ = probe_at_start(spec)
    states, u = trajectory(run)

    # of the first sequence
    growth = ((1 - states[1:, 0] ** 2) * u).abs().log().mean(dim=1)
    by_state_before = ((1 - states[:-1, 0] ** 2) * u).abs().log().mean(dim=1)

    # the frame goes back: the last tenth of 25 steps, rounded up, is left out while it turns
    assert metrics["lyapunov/le1"] == pytest.approx(growth[:-3].mean().item(), rel=1e-9)
    assert metrics["lyapunov/sum"] == pytest.approx(growth.mean().item(), rel=1e-9)
    assert abs(growth[3:].mean() - by_state_before[3:].mean()) > 1e-3


def test_products_of_jacobians_go_back_from_the_last_step(make_spec):
    spec = make_spec(
        {"name": "adding", "length": 12},
        {"name": "rnn", "input_std": 1.5, "recurrent_init": "orthogonal"},
        model={"hidden_size": 3},
        statistics={"interval": 1, "jacobian_interval": 1, "sequences": 2},
        training=EXACT,
    )
    run, _, arrays = probe_at_start(spec)
    states, u = trajectory(run)

    lags = [int(lag) for lag in arrays["jacobian_lags/0/forward"]]
    assert lags[0] == 1
    assert lags[-1] == 12
    for lag, measured in zip(lags, arrays["jacobian/0/forward"].tolist(), strict=True):
        product = torch.eye(3, dtype=torch.float64)
        for h in states[-lag:, 0]:
            product = torch.diag(1 - h**2) @ u.mT @ product
        expected = torch.linalg.svdvals(product).log10().tolist()
        assert measured == pytest.approx(expected, rel=1e-7)


def test_gates_are_read_with_the_state_each_step_starts_from(make_spec):
    spec = make_spec(
        {"name": "adding", "length": 6},
        {"name": "lstm", "recurrent_gain": 20.0},
        statistics={"interval": 1, "sequences": 4},
        training=EXACT,
    )
    run, metrics, _ = probe_at_start(spec)
    cell = copy.deepcopy(run.model.stack.layers[0].cells[0])
    state = cell.initial_state(4)
    opened = []

    for x_t in run.probe._batch.inputs:
        packed = x_t @ cell.input_weight + state[0] @ cell.recurrent_weight + cell.input_bias
        # rows in the order in which the LSTM declares them: i, f, o, g
        opened.append(torch.sigmoid(packed[:, 8:16]))
        state = cell(x_t, state)
    f = torch.stack(opened)

    assert metrics["gate/f_mean"] == pytest.approx(f.mean().item(), rel=1e-9)
    saturated = ((f < 0.1) | (f > 0.9)).double().mean().item()
    assert 0 < saturated < 1
    assert metrics["gate/f_saturated"] == pytest.approx(saturated, rel=1e-9)
    assert not math.isclose(f[0].mean().item(), f.mean().item(), rel_tol=1e-3)
