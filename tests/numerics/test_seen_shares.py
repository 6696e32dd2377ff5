"""The share of the evaluation that training has drawn, counted sequence by sequence."""

import pytest
import torch

from bptt import registry
from bptt.batches.data import BLOCK, TrainingData
from bptt.batches.seen import Seen
from bptt.batches.sets import draw_evaluation_sets
from bptt.contracts import Batch, Extent, Features, Task
from bptt.training import TrainingRun, train

SIZE, BATCHES = 12, 40


def sequences(batch):
    """The valid inputs of each sequence, as something that can be in a set."""
    lengths = batch.lengths
    if lengths is None:
        lengths = torch.full((batch.inputs.shape[1],), len(batch.inputs))
    return [str(batch.inputs[:n, column].tolist()) for column, n in enumerate(lengths.tolist())]


class Ramps(Task):
    """Sequences of 2 to 5 of a few real values, 0.0 and -0.0 among them."""

    causal, reads, metric, better, loss = False, "last", "error", "lower", "squared_error"

    def __init__(self, features=1):
        self.inputs, self.output_size, self.horizon = Features(features), 1, 4
        self.baseline = 1.0

    def extent(self, sequences):
        return Extent(5, sequences)

    def sample(self, generator, batch_size):
        shape = (5, batch_size, self.inputs.size)
        inputs = torch.randint(-1, 2, shape, generator=generator) / 4 * 1.0
        inputs[:, ::2] += 0.0
        lengths = torch.randint(2, 6, (batch_size,), generator=generator)
        return Batch(inputs, inputs[0, :, 0], lengths=lengths)

    def metrics(self, outputs, batch):
        return {"error": self.losses(outputs, batch).mean()}

    def solved(self, metrics):
        return False


class Recorded(Ramps):
    """Sequences out of a store of real numbers; the last hundred end like the first."""

    def __init__(self, lengths):
        super().__init__(features=2)
        generator = torch.Generator().manual_seed(0)
        self.store = torch.randn((5, 400, 2), generator=generator)
        self.store[4, 300:] = self.store[4, :100]
        self.lengths = torch.randint(4, 6, (400,), generator=generator) if lengths else None

    def sample(self, generator, batch_size):
        rows = torch.randint(0, 400, (batch_size,), generator=generator)
        lengths = None if self.lengths is None else self.lengths[rows]
        inputs = self.store[:, rows]
        return Batch(inputs, inputs[0, :, 0], lengths=lengths)


TASKS = [
    registry.construct("task", "tickets", {}),
    registry.construct("task", "latch", {"length": 5}),
    registry.construct("task", "latch", {"length": 12, "noise": "blank"}),
    registry.construct("task", "right_context", {"length": 4}),
    registry.construct("task", "digits", {}),
    registry.construct("task", "adding", {"length": 6}),
    Ramps(),
    Ramps(features=2),
    Recorded(lengths=False),
    Recorded(lengths=True),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
@pytest.mark.parametrize("batches", [1, BLOCK, BATCHES])
def test_shares_are_what_comparing_every_pair_of_sequences_gives(task, batches):
    sets = draw_evaluation_sets(task, seed=3, size=200)
    seen = Seen(sets)
    data = TrainingData(task, 3, SIZE, seen)

    drawn = [data.batch(index)[0] for index in range(BATCHES)]

    trained = {text for batch in drawn[:batches] for text in sequences(zero(batch))}
    for name, batch in sets.items():
        found = [text in trained for text in sequences(zero(batch))]
        assert seen.share(name, batches) == pytest.approx(sum(found) / len(found)), name


@pytest.mark.parametrize("kept", [[0, 3], [0, 4], [2, 5], []])
def test_numbers_that_no_sequence_has_alone_or_that_are_none_do_not_tell(kept):
    inputs = torch.arange(40.0).reshape(4, 5, 2) - 7
    inputs[:, :, 0] = torch.inf
    inputs[1, 2] = torch.nan
    seen = Seen({"eval": Batch(inputs, inputs[0])})

    seen.add(Batch(inputs[:, slice(*kept)] if kept else inputs + 1, inputs[0]), 0, 5)

    count = len(inputs[0, slice(*kept)]) if kept else 0
    assert seen.share("eval", 1) == count / 5


def zero(batch):
    """The same with -0.0 as 0.0, which is equal to it."""
    return Batch(batch.inputs + 0, batch.targets, lengths=batch.lengths)


def test_drawing_again_after_a_resume_counts_nothing_twice(make_spec):
    spec = make_spec(
        {"name": "latch", "length": 4}, training={"steps": 40, "stop_when_solved": False}
    )
    whole = TrainingRun(spec)
    list(train(whole))
    first = TrainingRun(spec)
    for _ in range(22):
        first.advance()
    second = TrainingRun(spec)
    second.load_state_dict(first.state_dict())

    (*_, report) = train(second)

    shares = whole.held_out.split.seen
    assert 0 < shares["eval"][""] < 1
    assert second.held_out.split.seen == shares
    assert report.metrics["seen/eval"] == shares["eval"][""]
    assert report.metrics["seen/test"] == shares["test"][""]


def test_a_run_that_an_earlier_version_began_says_nothing_of_what_it_has_seen(make_spec):
    spec = make_spec({"name": "latch", "length": 6}, training={"steps": 9})
    first = TrainingRun(spec)
    first.advance()
    first.advance()
    state = first.state_dict()
    del state["held_out"]
    second = TrainingRun(spec)
    second.load_state_dict(state)

    (*_, report) = train(second)

    assert "test/accuracy" in report.metrics
    assert not any(name.startswith("seen/") for name in report.metrics)
