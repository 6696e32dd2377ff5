"""Each rule for batches and streams, broken by a task that keeps all the others."""

import re
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from bptt.conformance import check_task
from bptt.contracts import Batch, Features, StreamTask, Task, Tokens
from bptt.errors import ContractViolation

SYMBOLS = 3


class Echo(Task):
    """Repeat each symbol; sequences of different lengths, read at every step."""

    causal = True
    reads = "every"
    metric = "error"
    better = "lower"

    def __init__(self):
        self.inputs, self.output_size, self.horizon, self.baseline = (
            Tokens(SYMBOLS),
            SYMBOLS,
            1,
            0.5,
        )

    def sample(self, generator, batch_size):
        return self.change(self.draw(generator, batch_size))

    def draw(self, generator, batch_size):
        inputs = torch.randint(SYMBOLS, (5, batch_size), generator=generator)
        lengths = torch.randint(2, 5, (batch_size,), generator=generator)
        mask = torch.arange(5).unsqueeze(1) < lengths
        return Batch(inputs, inputs, mask, lengths, extra={"start": inputs[0]})

    def change(self, batch):
        return batch

    def losses(self, outputs, batch):
        return cross_entropy(outputs.transpose(1, 2), batch.targets, reduction="none")

    def metrics(self, outputs, batch):
        right = (outputs.argmax(-1) == batch.targets) & outputs.isfinite().all(-1)
        return {"error": 1 - right[batch.mask].float().mean()}

    def solved(self, metrics):
        return metrics["error"] < 0.01


def broken(name, change, task_class=Echo):
    """Return a task whose batches are changed."""
    return type(name, (task_class,), {"change": lambda self, batch: change(batch)})


class Real(Echo):
    """The same with features."""

    def __init__(self):
        super().__init__()
        self.inputs = Features(2)

    def draw(self, generator, batch_size):
        batch = super().draw(generator, batch_size)
        return replace(batch, inputs=torch.stack([batch.inputs, batch.inputs], -1).float())


BATCHES = {
    "must return a Batch, got tuple.": lambda b: (b.inputs, b.targets),
    "inputs of NAME.sample must have the shape (5, 1), got (5, 1, 1).": lambda b: replace(
        b, inputs=b.inputs.unsqueeze(-1)
    ),
    "must be int64 tokens 0 .. 2, got torch.int64 from 3 to": lambda b: replace(
        b, inputs=b.inputs + 3
    ),
    "must be int64 tokens 0 .. 2, got torch.int32": lambda b: replace(b, inputs=b.inputs.int()),
    "The inputs of NAME.sample must have at least one time step.": lambda b: replace(
        b, inputs=b.inputs[:0]
    ),
    "must begin with the axes (time, batch) = (5, 1)": lambda b: replace(b, targets=b.targets[0]),
    "lengths of NAME.sample must be torch.int64": lambda b: replace(b, lengths=b.lengths.int()),
    "The lengths of NAME.sample must lie in 1 .. 5": lambda b: replace(b, lengths=b.lengths + 5),
    "mask of NAME.sample must be torch.bool": lambda b: replace(b, mask=b.mask.float()),
    "mask of NAME.sample must have the shape (5, 1), got (1,)": lambda b: replace(
        b, mask=b.mask[0]
    ),
    "leaves nothing for the loss.": lambda b: replace(b, mask=b.mask & False),
    "counts positions behind the end of a sequence.": lambda b: replace(b, mask=b.mask | True),
    "different lengths without a mask": lambda b: replace(b, mask=None),
    "extra['start'] of NAME.sample must be a tensor that begins": lambda b: replace(
        b, extra={"start": b.inputs}
    ),
}

FEATURES = {
    "must have the shape (5, 1, 2), got (5, 1, 1).": lambda b: replace(b, inputs=b.inputs[..., :1]),
    "must be finite floats.": lambda b: replace(b, inputs=b.inputs.long()),
    "sample must be finite floats.": lambda b: replace(b, inputs=b.inputs / 0.0),
}


@pytest.mark.parametrize("task_class", [Echo, Real])
def test_tasks_the_broken_ones_derive_from_keep_every_rule(task_class):
    check_task(task_class)


@pytest.mark.parametrize(("fault", "change"), BATCHES.items(), ids=list(BATCHES))
def test_batch_that_breaks_a_rule_is_told_which(fault, change):
    with pytest.raises(ContractViolation, match=re.escape(fault.replace("NAME", "Broken"))):
        check_task(broken("Broken", change))


@pytest.mark.parametrize(("fault", "change"), FEATURES.items(), ids=list(FEATURES))
def test_features_that_break_a_rule_are_told_which(fault, change):
    with pytest.raises(ContractViolation, match=re.escape(fault)):
        check_task(broken("Broken", change, Real))


class Stream(Echo, StreamTask):
    """The same as windows of one long text; it is never solved."""

    text = torch.randint(SYMBOLS, (400,), generator=torch.Generator().manual_seed(0))

    def draw(self, generator, batch_size):
        starts = torch.randint(300, (batch_size,), generator=generator)
        return self.read(starts)

    def window(self, index, batch_size):
        return self.read(5 * index + 50 * torch.arange(batch_size)), index > 0

    def read(self, starts):
        inputs = self.text[starts + torch.arange(5).unsqueeze(1)]
        return Batch(inputs, inputs, torch.ones_like(inputs, dtype=torch.bool))

    def solved(self, metrics):
        return False


class ContinuesFromNothing(Stream):
    def window(self, index, batch_size):
        return super().window(index, batch_size)[0], True


class NeverContinues(Stream):
    def window(self, index, batch_size):
        return super().window(index, batch_size)[0], False


class CountsInstead(Stream):
    def window(self, index, batch_size):
        return super().window(index, batch_size)[0], index


class RemembersItsPlace(Stream):
    place = -1

    def window(self, index, batch_size):
        self.place += 1
        return super().window(self.place, batch_size)[0], index > 0


class StandsStill(Stream):
    def window(self, index, batch_size):
        return super().window(0, batch_size)[0], index > 0


class ForgetsARow(Stream):
    def window(self, index, batch_size):
        return super().window(index, batch_size - 1)


STREAMS = {
    ContinuesFromNothing: "window must not continue anything at index 0.",
    NeverContinues: "window never continues the last one.",
    CountsInstead: "window must return (Batch, True or False).",
    RemembersItsPlace: "window must depend on its index alone",
    StandsStill: "window returns the same window for 0 and 1.",
    ForgetsARow: "The inputs of ForgetsARow.window must have the shape (5, 6), got (5, 5).",
}


def test_stream_that_is_never_solved_keeps_every_rule():
    check_task(Stream)


@pytest.mark.parametrize(
    ("task_class", "fault"), STREAMS.items(), ids=[s.__name__ for s in STREAMS]
)
def test_stream_that_breaks_a_rule_is_told_which(task_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)):
        check_task(task_class)
