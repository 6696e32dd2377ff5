"""One seed, five streams: weights, training, evaluation, test and probe share no draws."""

from itertools import combinations

import pytest
import torch

from bptt.batches.data import BLOCK, TrainingData, select
from bptt.contracts import Batch, Extent, Tokens
from bptt.training import TrainingRun

SIZE = 4 * BLOCK
"""Sequences: as many as one draw of training data, so that equal seeds would give equal data."""


@pytest.fixture
def start(make_spec):
    def make(seed):
        spec = make_spec(
            {"name": "latch", "length": 30},
            seed=seed,
            training={"batch_size": SIZE // BLOCK, "evaluation_size": SIZE},
            statistics={"interval": 1, "sequences": SIZE},
        )
        return TrainingRun(spec)

    return make


def drawn(run):
    """Return what each stream of a run has drawn, (time, SIZE) each."""
    return {
        "data": torch.cat([run.data.batch(i)[0].inputs for i in range(BLOCK)], dim=1),
        "evaluation": run.evaluation.sets[""].inputs,
        "test": run.held_out._kept[""].inputs,
        "probe": run.probe._batch.inputs,
    }


def test_streams_of_one_run_draw_different_data(start):
    for one, other in combinations(drawn(start(0)).values(), 2):
        assert one.shape == other.shape == (30, SIZE)
        assert not torch.equal(one, other)
        # two independent noise symbols agree in 1 of 5
        assert (one[1:] == other[1:]).double().mean() < 0.3


def test_weights_are_drawn_from_another_seed_than_any_data(start, monkeypatch):
    seeds = []
    seed_globally = torch.manual_seed
    monkeypatch.setattr(torch, "manual_seed", lambda s: seeds.append(s) or seed_globally(s))

    run = start(0)

    assert len(seeds) == 1
    from_weights = run.task.sample(torch.Generator().manual_seed(seeds[0]), SIZE).inputs
    assert not any(torch.equal(from_weights, inputs) for inputs in drawn(run).values())


def test_another_seed_draws_everything_anew(start):
    one, other = start(0), start(1)

    for name, inputs in drawn(one).items():
        assert not torch.equal(inputs, drawn(other)[name]), name
    for (name, ours), theirs in zip(
        one.model.named_parameters(), other.model.parameters(), strict=True
    ):
        assert ours.numel() == 0 or not torch.equal(ours, theirs), name


def test_building_a_run_leaves_the_global_generator_alone(start):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    start(0)

    assert torch.equal(torch.rand(3), expected)


class Numbered:
    """A task whose every tensor holds the number of its sequence."""

    inputs = Tokens(80)
    output_size = 80
    reads = "last"
    known_loss = "cross_entropy"

    def extent(self, size):
        return Extent(steps=3, sequences=size)

    def sample(self, generator, size):
        rows = torch.arange(size)
        grid = rows.expand(3, size)
        extra = {"row": rows, "pair": torch.stack([rows, rows], dim=1)}
        return Batch(grid, rows, mask=grid % 2 == 0, lengths=1 + rows % 3, extra=extra)


def test_all_of_a_sequence_comes_along_when_batches_are_split():
    data = TrainingData(Numbered(), seed=0, batch_size=5)

    batches = [data.batch(index)[0] for index in range(BLOCK)]

    for index, batch in enumerate(batches):
        rows = torch.arange(5 * index, 5 * index + 5)
        assert torch.equal(batch.inputs, rows.expand(3, 5))
        assert torch.equal(batch.targets, rows)
        assert torch.equal(batch.mask, (rows % 2 == 0).expand(3, 5))
        assert torch.equal(batch.lengths, 1 + rows % 3)
        assert torch.equal(batch.extra["row"], rows)
        assert torch.equal(batch.extra["pair"], torch.stack([rows, rows], dim=1))


def test_extra_follows_rows_picked_in_any_order():
    batch = Numbered().sample(None, 9)

    picked = select(batch, torch.tensor([7, 1]), "last")

    assert picked.extra["row"].tolist() == picked.targets.tolist() == [7, 1]
    assert picked.inputs.tolist() == [[7, 1], [7, 1]]
