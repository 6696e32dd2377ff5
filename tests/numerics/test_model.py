"""The network around the cells: truncation, read-out, loss and carried state, by hand."""

import pytest
import torch

from bptt import registry
from bptt.contracts import Batch
from bptt.kernels.autograd import unroll
from bptt.network.model import build_model, mean_loss
from bptt.spec import ModelSpec
from bptt.training import TrainingRun
from bptt_plugins.cells.lstm import LSTM

CELLS = ("rnn", "lstm", "gru", "gru_cho", "gru_chung", "mingru", "minlstm", "lru", "lem")
EXACT = {"training": {"dtype": "float64"}}


def model_of(spec):
    task = registry.construct("task", spec.task.name, dict(spec.task.options))
    return build_model(spec, task), task


@pytest.mark.parametrize("state", [0, 1], ids=["h", "c"])
def test_truncation_detaches_every_state(state):
    torch.manual_seed(0)
    cell = LSTM(3, 5)
    unrolled = unroll(cell, torch.randn(9, 2, 3), cell.initial_state(2), truncation=4)
    late = unrolled.steps[7][0].sum()

    found = torch.autograd.grad(late, unrolled.states_of(state)[:8], materialize_grads=True)

    # steps 5 .. 8 are the last window, and 1 .. 4 one that no gradient enters or leaves
    assert [bool(g.abs().sum() > 0) for g in found[:7]] == [False] * 5 + [True] * 2


def test_truncation_changes_no_state():
    torch.manual_seed(0)
    cell = LSTM(3, 5)
    x = torch.randn(9, 2, 3)

    full, truncated = (unroll(cell, x, cell.initial_state(2), truncation=k) for k in (None, 4))

    for one, other in zip(full.steps, truncated.steps, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_last_step_is_where_each_direction_ends_in_a_padded_sequence(make_spec):
    spec = make_spec("latch", "gru", model={"bidirectional": True}, **EXACT)
    model, _ = model_of(spec)
    lengths = torch.tensor([6, 3, 1])
    tokens = torch.randint(1, 8, (6, 3), generator=torch.Generator().manual_seed(1))

    outputs = model(Batch(tokens, torch.zeros(3), lengths=lengths)).outputs

    forward_cell, backward_cell = model.stack.layers[0].cells
    for row, length in enumerate(lengths.tolist()):
        x = model.embedding(tokens[:length, row : row + 1])
        ahead, back = forward_cell.initial_state(1), backward_cell.initial_state(1)
        for t in range(length):
            ahead = forward_cell(x[t], ahead)
            back = backward_cell(x[length - 1 - t], back)
        expected = model.read_out(torch.cat([ahead[0], back[0]], dim=-1))
        torch.testing.assert_close(outputs[row : row + 1], expected, rtol=1e-12, atol=1e-12)


def test_last_step_of_a_padded_sequence_is_before_what_a_skip_carries_from_the_padding(make_spec):
    # the cell's state is held through the padding, but its input is not
    model, _ = model_of(make_spec("latch", model={"skip": "residual", "embedding_size": 8}))
    tokens = torch.tensor([[1, 2], [3, 4], [5, 7], [6, 7]])

    padded = model(Batch(tokens, torch.zeros(2), lengths=torch.tensor([4, 2]))).outputs
    alone = model(Batch(tokens[:2, 1:], torch.zeros(1))).outputs

    torch.testing.assert_close(padded[1:], alone)


def test_only_masked_positions_count_in_the_loss(make_spec):
    _, task = model_of(make_spec("agreement"))
    batch = task.sample(torch.Generator().manual_seed(0), 5)
    shape = (*batch.targets.shape, task.output_size)
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    scored = batch.mask.nonzero().tolist()
    assert 0 < len(scored) < batch.mask.numel()

    loss = mean_loss(task, logits, batch)

    each = [-logits[t, b].log_softmax(0)[batch.targets[t, b]].item() for t, b in scored]
    assert loss.item() == pytest.approx(sum(each) / len(each), rel=1e-12)


def test_model_itself_refuses_to_read_a_causal_task_backwards(make_spec):
    spec = make_spec("agreement")
    both = spec.model_copy(update={"model": ModelSpec(hidden_size=4, bidirectional=True)})

    with pytest.raises(ValueError, match="causal"):
        model_of(both)


@pytest.mark.parametrize(("given", "expected"), [(5, 5), (None, 16)])
def test_tokens_are_looked_up_as_the_embedding_size_says(make_spec, given, expected):
    model, task = model_of(make_spec("latch", model={"embedding_size": given}))

    assert model.embedding.weight.shape == (task.inputs.size, expected)
    assert model.stack.layers[0].cells[0].input_size == expected


def test_chrono_bias_spreads_over_the_horizon_of_the_task(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 501},
        {"name": "lstm", "forget_bias": "chrono"},
        model={"hidden_size": 512, "layers": 2},
    )
    model, task = model_of(spec)
    assert task.horizon == 500

    for layer in model.stack.layers:
        cell = layer.cells[0]
        timescales = cell.split(cell.input_bias, cell.input_biased)["f"].detach().exp()

        assert timescales.min() >= 1
        assert timescales.max() <= 499 * (1 + 1e-5)
        # the mean of 512 draws from U(1, 499) has standard deviation 6.4
        assert timescales.mean().item() == pytest.approx(250, abs=32)


@pytest.fixture
def reading(make_spec, tmp_path):
    """Return a function: cell -> a run with two layers that reads a text of eight windows."""
    text = tmp_path / "text.txt"
    text.write_text("the keys to the cabinet are on the table. " * 40)

    def start(cell, **training):
        return TrainingRun(
            make_spec(
                {"name": "char_lm", "text": str(text), "window": 10},
                cell,
                model={"layers": 2},
                training={"dtype": "float64", "steps": 2, **training},
            )
        )

    return start


def read_window(model, batch, states):
    """Return the mean loss of a window and the state each layer ends in, cell by cell."""
    states, losses = list(states), []
    with torch.no_grad():
        for tokens, targets in zip(batch.inputs, batch.targets, strict=True):
            x = model.embedding(tokens)
            for number, layer in enumerate(model.stack.layers):
                states[number] = layer.cells[0](x, states[number])
                x = states[number][0]
            losses.append(torch.nn.functional.cross_entropy(model.read_out(x), targets))
    return torch.stack(losses).mean().item(), states


@pytest.mark.parametrize("cell", CELLS)
def test_second_window_goes_on_from_the_state_of_every_layer(reading, cell):
    run = reading(cell)
    windows = [run.data.batch(index)[0] for index in (0, 1)]
    zeros = [layer.cells[0].initial_state(4) for layer in run.model.stack.layers]
    run.advance()
    # the state is left by the weights before the first update, the loss is of those after it
    first_loss, carried = read_window(run.model, windows[0], zeros)
    first = run.advance().metrics["train/loss"]
    expected, _ = read_window(run.model, windows[1], carried)
    forgetful = [
        read_window(run.model, windows[1], states)[0]
        for states in ([zeros[0], carried[1]], [carried[0], zeros[1]])
    ]
    second = run.advance().metrics["train/loss"]

    assert first == pytest.approx(first_loss, rel=1e-12)
    assert second == pytest.approx(expected, rel=1e-12)
    assert all(abs(second - other) > 1e-8 for other in forgetful)


def test_gradient_does_not_leave_the_window(reading):
    run = reading("lstm")

    for _ in range(3):
        run.advance()

    assert not any(s.requires_grad for layer in run.carried for s in layer)


def test_text_is_read_from_zeros_again_in_the_next_epoch(reading):
    run = reading("gru", steps=60, batch_size=30)
    firsts = [index for index in range(20) if not run.data.batch(index)[1]]
    assert firsts[0] == 0
    assert len(firsts) > 1
    for _ in range(1 + firsts[1]):
        run.advance()
    batch = run.data.batch(run.step)[0]

    with torch.no_grad():
        expected = mean_loss(run.task, run.model(batch).outputs, batch).item()

    assert run.advance().metrics["train/loss"] == pytest.approx(expected, rel=1e-12)
