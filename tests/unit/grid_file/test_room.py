"""What nobody has room for is refused by arithmetic: nothing of it is drawn or allocated."""

import re
import resource

import pytest

from bptt.contracts import Extent
from bptt.errors import InvalidSpec
from bptt.run_file import read_grid_text, read_run_file
from bptt.run_file.extents import Extents
from bptt.run_file.machine import size

HUGE = {
    "a task's delay": "task: {name: copy_memory, delay: 1000000000}\ncell: lstm\n",
    "a task's length": "task: {name: latch, length: 10000000000}\ncell: rnn\n",
    "a task's alphabet": "task: {name: copy_memory, symbols: 5000000000}\ncell: rnn\n",
    "a task's padding": "task: {name: digits, padding: 100000000000}\ncell: rnn\n",
    "a batch": "task: {name: adding, length: 100000}\ncell: gru\ntraining: {batch_size: 1000000}\n",
    "layers": "task: latch\ncell: lstm\nmodel: {hidden_size: 16384, layers: 1000}\n",
    "an embedding": "task: {name: copy_memory, symbols: 9999999}\ncell: rnn\n"
    "model: {embedding_size: 16384}\n",
    "an evaluation": "task: {name: adding, length: 100000}\ncell: rnn\n"
    "training: {evaluation_size: 1000000}\n",
    "a probe": "task: {name: adding, length: 100000}\ncell: rnn\n"
    "statistics: {sequences: 1000000}\n",
    "the largest number": f"task: {{name: latch, length: {2**53}}}\ncell: rnn\n",
    "one point of many": "task: {name: latch, length: [20, 10000000000]}\ncell: rnn\nseeds: 3\n",
}


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    monkeypatch.delenv("BPTT_RUN_MEMORY_MB", raising=False)


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_run_beyond_memory_is_refused_in_one_line_without_allocating_anything(text):
    # what a plugin's import takes is taken
    read_grid_text("task: latch\ncell: lstm\nseeds: 1\n", "small.yaml")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(InvalidSpec) as refused:
        read_grid_text(text, "huge.yaml")

    (line,) = refused.value.faults
    assert re.match(r"huge\.yaml:\d+: a run needs about \S+ [MG]B of memory", line)
    assert "of this machine" in line
    assert "Make smaller: " in line
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50 * 1024


def test_largest_of_several_points_is_told_with_their_number():
    text = "task: {name: latch, length: [20, 1000000000, 9000000000]}\ncell: rnn\n"

    with pytest.raises(InvalidSpec, match=r"the largest of 2 such configurations"):
        read_grid_text(text, "huge.yaml")


def test_setting_of_the_worker_is_the_limit(monkeypatch):
    text = "task: {name: adding, length: 800}\ncell: lstm\nmodel: {hidden_size: 128}\n"
    assert len(read_grid_text(text, "fits.yaml")) == 1

    monkeypatch.setenv("BPTT_RUN_MEMORY_MB", "200")

    with pytest.raises(InvalidSpec, match=r"the 200 MB that BPTT_RUN_MEMORY_MB allows"):
        read_grid_text(text, "fits.yaml")


def test_single_run_is_refused_as_a_grid_is(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(HUGE["a task's delay"])

    with pytest.raises(InvalidSpec, match="a run needs about"):
        read_run_file(path)


def memory_of(grid, number=0):
    """Return the memory that a point is refused by, if it is too much."""
    return grid._estimate.memory(grid._raw[number])


def test_learning_rates_and_seeds_change_no_memory(grid_of):
    grid = grid_of("task: latch\ncell: lstm\noptimizer: {lr: [0.1, 0.01]}\nseeds: 2\n")

    assert len({memory_of(grid, number).total for number in range(len(grid))}) == 1


@pytest.mark.parametrize(
    "change",
    [
        "model: {hidden_size: 64}",
        "model: {layers: 2}",
        "model: {bidirectional: true}",
        "training: {batch_size: 64}",
        "training: {evaluation_size: 1024}",
        "training: {dtype: float64}",
        "statistics: {sequences: 64}",
    ],
)
def test_what_makes_a_run_larger_is_counted(grid_of, change):
    base = "task: {name: adding, length: 50}\ncell: lstm\n"

    assert memory_of(grid_of(base + change)).total > 1.02 * memory_of(grid_of(base)).total


class Silent:
    """A task of somebody who wrote no `extent`."""

    reads = "last"

    def __init__(self, horizon, steps):
        from bptt.contracts import Features

        self.inputs, self.output_size, self.horizon = Features(3), 1, horizon
        self.steps, self.asked = steps, []

    def extent(self, sequences):
        return None

    def evaluation_extents(self, size):
        return {}

    def sample(self, generator, batch_size):
        import torch

        from bptt.contracts import Batch

        self.asked.append(batch_size)
        return Batch(torch.zeros(self.steps, batch_size, 3), torch.zeros(batch_size))


def test_task_that_does_not_say_draws_one_sequence_once():
    task = Silent(horizon=4, steps=7)
    extents = Extents(task)

    assert extents.training(100_000) == Extent(7, 100_000)
    assert extents.evaluation(512) == {"": Extent(7, 512)}
    assert task.asked == [1]


def test_task_whose_horizon_alone_is_beyond_memory_draws_nothing():
    task = Silent(horizon=10**15, steps=7)

    assert Extents(task).training(1).steps == 10**15 + 1
    assert task.asked == []


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (999, "999 bytes"),
        (1_600_000, "1.6 MB"),
        (25_200_000_000, "25.2 GB"),
        (248_192 * 10**9, "248,192 GB"),
        (10**320, "10^311 GB"),
    ],
)
def test_sizes_are_told_as_people_read_them(count, told):
    assert size(count) == told


def test_memory_of_a_point_is_that_of_its_parts(grid_of):
    grid = grid_of("task: latch\ncell: lstm\n")

    taken = memory_of(grid)

    assert taken.total == sum(
        (taken.weights, taken.data, taken.states, taken.evaluation, taken.statistics)
    )
    assert taken.least == taken.total * 80 // 100
