"""Truncated backpropagation whose windows overlap, against autograd step by step."""

import pytest
import torch

from bptt.training import TrainingRun

EVERY = {"name": "copy_memory", "delay": 6, "length": 3}
UNEQUAL = {"name": "right_context"}
CASES = {
    "one layer": (EVERY, {}),
    "layers": (EVERY, {"layers": 3}),
    "lengths differ": (UNEQUAL, {"layers": 2}),
}
WINDOWS = [(1, 1), (4, 1), (4, 3), (5, 2), (7, 4), (11, 1), (40, 9)]


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
    return TrainingRun(make_spec(task, cell, model=model, training=training, seed=3))


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


def check(run, batch, carried=None):
    loss, gradients = expected(run, batch, carried)
    forward, found = run.passes.run(batch, carried)
    assert found == pytest.approx(loss, rel=1e-12)
    for name, gradient in gradients.items():
        ours = run.parameters.gradients[name]
        torch.testing.assert_close(ours, gradient, rtol=1e-12, atol=1e-12)
    return forward


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
@pytest.mark.parametrize("backend", ["autograd", "sequence", "compiled"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", {"name": "gru", "biases": 2}], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_gradient_is_the_sum_over_windows(make_spec, monkeypatch, case, cell, backend, windows):
    run = run_of(make_spec, monkeypatch, backend, cell, *CASES[case], windows)

    forward = check(run, run.data.batch(0)[0])

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
