"""Gradients of truncated backpropagation against autograd over one sequence at a time."""

import itertools

import pytest
import torch

from bptt.errors import NotPossible
from bptt.network.layers import Stack
from bptt.spec import Choice, RunSpec, TrainingSpec
from bptt.training import TrainingRun
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.rnn import RNN
from tests.numerics import strange_cells as strange

TIME, BATCH = 9, 5
LENGTHS = torch.tensor([9, 4, 1, 7, 2])


def alone(stack, x, length, truncation):
    """Return the outputs of one sequence, (time, width), step by step."""
    outputs = x[:length]
    for layer in stack.each_layer():
        directions = []
        for direction, cell in layer.by_direction().items():
            order = list(range(length))
            order = order if direction == "forward" else order[::-1]
            state, found = cell.initial_state(1), {}
            for read, position in enumerate(order):
                if truncation and read and (length - read) % truncation == 0:
                    state = tuple(s.detach() for s in state)
                state = cell(outputs[position].unsqueeze(0), state)
                found[position] = state[0][0]
            directions.append(torch.stack([found[p] for p in range(length)]))
        outputs = torch.cat(directions, dim=-1)
    return outputs


def ends(outputs, length, hidden):
    """Return what a task that reads the last step sees: where each direction ends."""
    parts = [outputs[length - 1, :hidden]]
    return torch.cat(parts + ([outputs[0, hidden:]] if outputs.shape[-1] > hidden else []))


@pytest.mark.parametrize("cell_class", [RNN, LSTM], ids=lambda c: c.__name__)
@pytest.mark.parametrize("truncation", [1, 2, 3, 4, 8, 9, 20])
def test_gradients_are_those_of_each_sequence_alone(cell_class, truncation):
    check(cell_class, ["autograd", "sequence", "compiled"], truncation)


def test_a_cell_that_only_autograd_runs_heeds_windows_too():
    check(strange.Plain, ["autograd"], 4)


def gradients(columns, of, lengths, weight, reads):
    """Return the gradients of a weighted sum of outputs, (time, width) each, or of their ends."""
    losses = []
    for b, y in enumerate(columns):
        length = TIME if lengths is None else int(lengths[b])
        read = y[:length] * weight[:length, b]
        if reads == "last":
            read = ends(y, length, 3) * weight[0, b]
        losses.append(read.sum())
    return torch.autograd.grad(sum(losses), of)


def check(cell_class, backends, truncation):
    axes = ((None, LENGTHS), (1, 2), (False, True), ("every", "last"))
    for place in itertools.product((0, 1), repeat=4):
        # any three of them meet in this half; even windows have one half and odd ones the other
        if (sum(place) + truncation) % 2:
            continue
        lengths, layers, bidirectional, reads = (a[n] for a, n in zip(axes, place, strict=True))
        torch.manual_seed(0)
        stack = Stack(
            lambda size: cell_class(size, 3), 2, 3, layers=layers, bidirectional=bidirectional
        ).double()
        x = torch.randn(TIME, BATCH, 2, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(TIME, BATCH, 6 if bidirectional else 3, dtype=torch.float64)
        of = [x, *(p for p in stack.parameters() if p.numel())]

        by = (of, lengths, weight, reads)
        counts = [TIME] * BATCH if lengths is None else lengths.tolist()
        right = [alone(stack, x[:, b], n, truncation) for b, n in enumerate(counts)]
        expected = gradients(right, *by)
        for backend in backends:
            for layer in stack.each_layer():
                layer.run_by(backend)
            ((outputs,), _) = stack(x, lengths, None, truncation)
            found = gradients(outputs.unbind(1), *by)
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_run_with_windows_is_not_what_it_was_when_they_began_at_the_start(make_spec):
    plain, cut = make_spec("latch", "rnn"), make_spec("latch", "rnn", training={"truncation": 5})
    new = {spec: spec.identity({}) for spec in (plain, cut)}
    # what both were called when there was one version
    old = RunSpec.TRUNCATED_VERSION
    try:
        RunSpec.TRUNCATED_VERSION = RunSpec.VERSION
        assert plain.identity({}) == new[plain]
        assert cut.identity({}) != new[cut]
    finally:
        RunSpec.TRUNCATED_VERSION = old


def test_a_checkpoint_of_windows_from_the_start_is_refused(make_spec):
    for truncation in (None, 5):
        run = TrainingRun(make_spec("latch", "rnn", training={"truncation": truncation}))
        state = run.state_dict()
        run.load_state_dict(state)
        del state["windows"]
        if truncation is None:
            run.load_state_dict(state)
        else:
            with pytest.raises(NotPossible, match="Submit it again"):
                run.load_state_dict(state)


def test_windows_that_do_not_overlap_leave_a_run_its_identity(make_spec):
    plain, cut, overlapping = (
        make_spec("latch", "rnn", training=training)
        for training in ({}, {"truncation": 5}, {"truncation": 5, "truncation_every": 2})
    )

    for spec in (plain, cut):
        assert "truncation_every" not in spec.canonical()
        assert "truncation_every" not in spec.model_dump()["training"]
        assert type(spec).model_validate(spec.model_dump()) == spec
    assert type(cut).model_validate(overlapping.model_dump()) == overlapping
    assert len({spec.identity({}) for spec in (plain, cut, overlapping)}) == 3


@pytest.mark.parametrize(
    ("truncation", "identity"),
    [
        (None, "924d78ae4f8257d592794b48d46672d97a5f6152564f78b20dfcc6cdc2e242ec"),
        (5, "483c5783a345f182c01e68d6e6a84d0abe3467dec343ffc67515c16aaa56eb55"),
    ],
)
def test_identity_is_what_it_was_before_windows_could_overlap(truncation, identity):
    training = TrainingSpec(truncation=truncation)
    spec = RunSpec(task=Choice(name="latch"), cell=Choice(name="rnn"), training=training)

    assert spec.identity({}) == identity
