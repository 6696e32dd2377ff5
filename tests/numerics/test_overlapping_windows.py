"""Truncated backpropagation whose windows overlap, against autograd step by step."""

import itertools

import pytest
import torch

from bptt.execution.checkpoint import from_bytes, to_bytes
from bptt.network.divergence import locate_in_forward
from bptt.training import TrainingRun

EVERY = {"name": "copy_memory", "delay": 6, "length": 3}
UNEQUAL = {"name": "right_context"}
CASES = {
    "one layer": (EVERY, {}),
    "layers": (EVERY, {"layers": 3}),
    "lengths differ": (UNEQUAL, {"layers": 2}),
}
WINDOWS = [(1, 1), (4, 1), (4, 3), (5, 2), (7, 4), (11, 1), (40, 9)]
CELLS = ["rnn", "lstm", {"name": "gru", "biases": 2}]


def pairs_first(*axes):
    """Return every combination: a third in which any two values meet, the others for `soak`."""
    found = []
    for place in itertools.product(*(range(len(axis)) for axis in axes)):
        values = [axis[n] for axis, n in zip(axes, place, strict=True)]
        marks = () if sum(place) % 3 == 0 else pytest.mark.soak
        found.append(pytest.param(*values, marks=marks, id="-".join(map(str, values))))
    return found


def run_of(make_spec, monkeypatch, backend, cell, task, model, windows, **training):
    monkeypatch.setenv("BPTT_BACKEND", backend)
    truncation, every = windows
    training = {
        "dtype": "float64",
        "batch_size": 5,
        "truncation": truncation,
        "truncation_every": every,
        **training,
    }
    model = {"hidden_size": 4, **model}
    return TrainingRun(
        make_spec(task, cell, model=model, training=training, statistics={"interval": 100}, seed=3)
    )


def in_window(model, x, length, initial, window):
    """Return the read-out after each step of one sequence; no gradient passes `window[0]`."""
    states, found = list(initial), []
    for t in range(length):
        if t == window[0]:
            states = [tuple(s.detach() for s in state) for state in states]
        read = x[t : t + 1] if model.embedding is None else model.embedding(x[t : t + 1])
        below = [read]
        for number, layer in enumerate(model.stack.each_layer()):
            given = torch.cat(below, -1) if model.stack.skip == "dense" else read
            states[number] = layer.by_direction()["forward"](given, states[number])
            y = states[number][0]
            below.append(y)
            if model.stack.skip == "residual" and y.shape == read.shape:
                y = read + y
            read = y
        top = torch.cat(below[1:], -1) if model.stack.skip == "dense" else read
        found.append(model.read_out(top)[0])
    return found


def expected(run, batch, carried=None):
    """Return loss and gradients, window by window, from the definition alone."""
    model, task = run.model, run.task
    truncation, every = run.spec.training.truncation, run.spec.training.truncation_every
    x = batch.inputs if model.embedding is not None else batch.inputs.double()
    time, size = x.shape[:2]
    columns = []
    for b in range(size):
        length = time if batch.lengths is None else int(batch.lengths[b])
        cells = [layer.by_direction()["forward"] for layer in model.stack.each_layer()]
        initial = [cell.initial_state(1) for cell in cells]
        if carried:
            initial = [tuple(s[b : b + 1] for s in state) for state in carried]
        read, end = [torch.zeros(task.output_size, dtype=torch.float64)] * time, length
        while end > 0:
            outputs = in_window(model, x[:, b], end, initial, (end - truncation, end))
            for t in range(max(end - every, 0), end):
                read[t] = outputs[t]
            end -= every
        columns.append(torch.stack(read))
    losses = task.losses(torch.stack(columns, dim=1), batch)
    counts = torch.ones_like(losses, dtype=torch.bool) if batch.mask is None else batch.mask
    loss = torch.where(counts, losses, 0.0).sum() / counts.sum()
    named = run.parameters.named
    found = torch.autograd.grad(loss, list(named.values()), materialize_grads=True)
    return loss.item(), dict(zip(named, found, strict=True))


def check(run, batch, carried=None, right=None):
    loss, gradients = right or expected(run, batch, carried)
    forward, found = run.passes.run(batch, carried)
    assert found == pytest.approx(loss, rel=1e-12)
    for name, gradient in gradients.items():
        ours = run.parameters.gradients[name]
        torch.testing.assert_close(ours, gradient, rtol=1e-12, atol=1e-12)
    return forward


@pytest.mark.parametrize(("case", "cell", "windows"), pairs_first([*CASES], CELLS, WINDOWS))
def test_gradient_is_the_sum_over_windows(make_spec, monkeypatch, case, cell, windows):
    right = None
    for backend in ("autograd", "sequence", "compiled"):
        run = run_of(make_spec, monkeypatch, backend, cell, *CASES[case], windows)
        batch = run.data.batch(0)[0]
        right = right or expected(run, batch)

        forward = check(run, batch, right=right)

        # only the way by hand leaves no graph
        assert forward.outputs.requires_grad == (backend != "compiled")


@pytest.mark.parametrize("skip", ["residual", "dense"])
def test_layers_are_run_again_with_what_leads_past_them(make_spec, monkeypatch, skip):
    model = {"layers": 3, "skip": skip}
    run = run_of(make_spec, monkeypatch, "compiled", "gru", EVERY, model, (5, 2))

    check(run, run.data.batch(0)[0])


@pytest.mark.parametrize("cell", ["gru_cho", "minlstm", "lru"])
def test_other_cells_heed_windows_too(make_spec, monkeypatch, cell):
    run = run_of(make_spec, monkeypatch, "auto", cell, UNEQUAL, {"layers": 2}, (5, 2))

    check(run, run.data.batch(0)[0])


@pytest.mark.parametrize("backend", ["autograd", "compiled"])
def test_windows_of_a_text_go_on_from_the_state_before(make_spec, monkeypatch, tmp_path, backend):
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question: " * 50)
    task = {"name": "char_lm", "text": str(text), "window": 8}
    run = run_of(make_spec, monkeypatch, backend, "lstm", task, {"layers": 2}, (3, 1))
    for _ in range(3):
        run.advance()
    assert any(bool(s.any()) for state in run.carried for s in state)
    batch, continues = run.data.batch(run.step)
    assert continues

    forward = check(run, batch, run.carried)

    whole = run.model.over_all(batch, run.carried)
    for state, layer in zip(forward.final, whole, strict=True):
        torch.testing.assert_close(state, layer["forward"].final)


def test_sequence_shorter_than_a_window_is_gone_through_as_a_whole(make_spec, monkeypatch):
    run = run_of(make_spec, monkeypatch, "compiled", "rnn", EVERY, {}, (40, 9))
    batch, _ = run.data.batch(0)
    _, loss = run.passes.run(batch, None)
    found = run.parameters.gradients.flat.clone()
    whole = run_of(make_spec, monkeypatch, "compiled", "rnn", EVERY, {}, (40, None))

    assert whole.passes.run(batch, None)[1] == loss
    assert torch.equal(whole.parameters.gradients.flat, found)


@pytest.mark.parametrize("windows", [(3, 3), (3, 1)], ids=str)
def test_one_loss_at_the_end_sees_one_window(make_spec, monkeypatch, windows):
    task = {"name": "latch", "length": 8}
    run = run_of(make_spec, monkeypatch, "compiled", "lstm", task, {"layers": 2}, windows)
    plain = run_of(make_spec, monkeypatch, "compiled", "lstm", task, {"layers": 2}, (3, None))
    batch, _ = run.data.batch(0)

    for each in (run, plain):
        each.passes.run(batch, None)

    assert torch.equal(run.parameters.gradients.flat, plain.parameters.gradients.flat)


def test_resume_repeats_every_bit(make_spec, monkeypatch):
    options = {"steps": 12, "evaluate_every": 12, "stop_when_solved": False}
    runs = [
        run_of(make_spec, monkeypatch, "auto", "lstm", UNEQUAL, {"layers": 2}, (4, 1), **options)
        for _ in range(2)
    ]
    for _ in range(6):
        runs[0].advance()
    runs[1].load_state_dict(from_bytes(to_bytes(runs[0].state_dict())))

    ends = []
    for run in runs:
        while run.outcome is None:
            last = run.advance()
        ends.append((run.parameters.flat.tolist(), last.probe["train_flow/1/forward/h"].tolist()))

    assert ends[0] == ends[1]


@pytest.mark.parametrize("backend", ["autograd", "compiled"])
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_probe_measures_each_window_where_it_lies(make_spec, monkeypatch, cell, backend):
    run = run_of(make_spec, monkeypatch, backend, cell, EVERY, {"layers": 2}, (5, 2), steps=1)
    arrays = run.advance().probe
    batch = run.probe._batch
    time = len(batch.inputs)

    flow, lags = by_hand(run, batch, [int(t) for t in arrays["anchors"]])

    for number in range(2):
        for index, name in enumerate(run.model.states):
            key = f"{number}/forward/{name}"
            torch.testing.assert_close(arrays[f"flow/{key}"], flow[number][index])
            for row, t in enumerate(int(t) for t in arrays["anchors"]):
                found = arrays[f"lag/{key}"][row]
                seen = 5 - (time - 1 - t) % 2 if t >= 4 else t + 1
                assert len(found[~found.isnan()]) == seen
                torch.testing.assert_close(found[:seen], lags[t][number][index][:seen])


def by_hand(run, batch, anchors):
    """Return norms of the gradient to every state, by t of all losses and by lag of some."""
    model, truncation, every = run.model, 5, 2
    time, size = batch.inputs.shape[:2]
    layers, names = len(model.stack.layers), model.states
    total = [
        [torch.zeros(time, size, 4, dtype=torch.float64) for _ in names] for _ in range(layers)
    ]
    lags = {}
    end = time
    while end > 0:
        begin = max(end - truncation, 0)
        cells = [layer.by_direction()["forward"] for layer in model.stack.each_layer()]
        states, kept, outputs = [cell.initial_state(size) for cell in cells], [], []
        for t in range(end):
            if t == begin:
                states = [tuple(s.detach() for s in state) for state in states]
            x = model.embedding(batch.inputs[t])
            for number, cell in enumerate(cells):
                states[number] = cell(x, states[number])
                x = states[number][0]
            kept.append(list(states))
            outputs.append(model.read_out(x))
        outputs += [torch.zeros_like(outputs[0])] * (time - end)
        losses = run.task.losses(torch.stack(outputs), batch)
        counts = torch.ones_like(losses) if batch.mask is None else batch.mask.double()
        counted = losses * counts
        own = list(range(max(end - every, 0), end))
        wanted = [(counted[own].sum() / counts.sum(), None)]
        wanted += [(counted[t].sum() / counts[t].sum(), t) for t in own if t in anchors]
        places = [
            (t, n, i) for t in range(begin, end) for n in range(layers) for i in range(len(names))
        ]
        for loss, anchor in wanted:
            to = torch.autograd.grad(
                loss,
                [kept[t][n][i] for t, n, i in places],
                retain_graph=True,
                materialize_grads=True,
            )
            by_lag = [
                [torch.zeros(time, dtype=torch.float64) for _ in names] for _ in range(layers)
            ]
            for (t, n, i), gradient in zip(places, to, strict=True):
                if anchor is None:
                    total[n][i][t] += gradient
                elif t <= anchor:
                    by_lag[n][i][anchor - t] = gradient.norm()
            if anchor is not None:
                lags[anchor] = by_lag
        end -= every
    return [[s.flatten(1).norm(dim=1) for s in layer] for layer in total], lags


@pytest.mark.parametrize(
    ("training", "model"),
    [
        ({"truncation_every": 1}, {}),
        ({"truncation": 3, "truncation_every": 4}, {}),
        ({"truncation": 3, "truncation_every": 2}, {"bidirectional": True}),
    ],
    ids=str,
)
def test_windows_without_a_meaning_are_refused(make_spec, training, model):
    with pytest.raises(ValueError, match=r"training\.truncation_every"):
        TrainingRun(make_spec(UNEQUAL, "rnn", training=training, model=model))


def test_divergence_is_told_by_the_step_of_the_sequence(make_spec, monkeypatch):
    run = run_of(make_spec, monkeypatch, "auto", "rnn", EVERY, {}, (4, 1))
    batch, _ = run.data.batch(0)
    initial = [(torch.full((5, 4), torch.nan, dtype=torch.float64),)]

    forward, _ = run.passes.run(batch, initial)

    assert locate_in_forward(run.model, forward).endswith("at t = 0")
    assert len(forward.whole[0]["forward"].states[0]) == len(batch.inputs)
