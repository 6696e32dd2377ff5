"""Batches by step number, and the probe's batch."""

import pytest
import torch

from bptt import registry
from bptt.batches.data import BLOCK, TrainingData, probe_batch
from bptt.seeding import stream_seed


def task(name, **options):
    return registry.construct("task", name, options)


def same(one, other):
    return torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)


@pytest.mark.parametrize("name", ["latch", "adding", "agreement", "tickets", "copy_memory"])
def test_batch_depends_on_its_number_alone(name):
    in_order = TrainingData(task(name), seed=3, batch_size=4)
    batches = [in_order.batch(index)[0] for index in range(2 * BLOCK)]

    alone = TrainingData(task(name), seed=3, batch_size=4).batch(BLOCK + 5)[0]

    assert same(alone, batches[BLOCK + 5])
    assert not any(same(alone, batch) for batch in batches[: BLOCK + 5])


def test_batches_of_a_block_split_one_draw():
    data = TrainingData(task("latch"), seed=0, batch_size=4)

    inputs = torch.cat([data.batch(index)[0].inputs for index in range(BLOCK)], dim=1)

    generator = torch.Generator().manual_seed(stream_seed(0, "data", 0))
    assert torch.equal(inputs, task("latch").sample(generator, 4 * BLOCK).inputs)


def test_padding_common_to_a_batch_is_cut_off():
    data = TrainingData(task("agreement"), seed=0, batch_size=4)

    batches = [data.batch(index)[0] for index in range(BLOCK)]

    for batch in batches:
        time = batch.inputs.shape[0]
        assert batch.targets.shape[0] == time or batch.targets.dim() == 1
        assert batch.lengths is None or int(batch.lengths.max()) == time
    assert len({batch.inputs.shape[0] for batch in batches}) > 1


@pytest.mark.parametrize("name", ["agreement", "tickets", "adding"])
def test_probe_sequences_are_equally_long(name):
    batch = probe_batch(task(name), seed=0, sequences=6)

    assert batch.lengths is None
    assert batch.inputs.shape[1] == 6


def test_streams_share_no_seed():
    seeds = {
        stream_seed(seed, name, index)
        for seed in range(50)
        for name in ("init", "data", "evaluation")
        for index in range(50)
    }

    assert len(seeds) == 50 * 3 * 50
    assert all(0 <= seed < 2**63 for seed in seeds)
