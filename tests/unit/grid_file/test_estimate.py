import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bptt import registry
from bptt.network.model import build_model, mean_loss

# no evaluation costs anything here: its one sequence is counted, and is 1 of 3 * 32 * 1000
CHEAP = "training: {steps: 1000, evaluate_every: 1000, evaluation_size: 1}\n"


def counted_by_torch(spec):
    """Return the floating point operations of one update, products of matrices alone."""
    task = registry.construct("task", spec.task.name, spec.task.options)
    model = build_model(spec, task)
    generator = torch.Generator().manual_seed(0)
    batch = task.sample(generator, spec.training.batch_size)
    # the counter sees torch's operations alone
    model.run_by("autograd")
    with FlopCounterMode(display=False) as counter:
        mean_loss(task, model(batch).outputs, batch).backward()
    return counter.get_total_flops()


def flops(grid):
    return [grid.flops_of(number) for number in range(len(grid))]


@pytest.mark.parametrize(
    "content",
    [
        "task: {name: adding, length: 20}\ncell: lstm\nmodel: {layers: 2, hidden_size: 80}\n",
        "task: {name: copy_memory, delay: 5, length: 3}\ncell: rnn\nmodel: {hidden_size: 16}\n",
        "task: {name: latch, length: 20}\ncell: gru\nmodel: {bidirectional: true, layers: 2}\n",
        "task: {name: latch, length: 20}\ncell: rnn\nmodel: {skip: dense, layers: 3}\n",
        "task: {name: latch, length: 20}\ncell: rnn\nmodel: {skip: highway, layers: 3}\n",
        "task: {name: copy_memory, delay: 5, length: 3}\ncell: rnn\n"
        "model: {hidden_size: 48, layers: 2}\ntraining: {truncation: 5, truncation_every: 1, "
        "steps: 1000, evaluate_every: 1000, evaluation_size: 1}\n",
        "task: {name: latch, length: 20}\ncell: mingru\nmodel: {layers: 2, hidden_size: 48}\n",
    ],
    ids=[
        "two layers",
        "read at every step",
        "bidirectional",
        "dense",
        "highway",
        "windows",
        "no recurrence",
    ],
)
def test_estimate_is_what_torch_counts_within_a_quarter(grid_of, content):
    grid = grid_of(content if "training" in content else content + CHEAP)

    (estimate,) = flops(grid)

    assert estimate / 1000 == pytest.approx(counted_by_torch(grid[0].spec), rel=0.25)


def test_estimate_grows_with_updates_and_length(grid_of):
    grid = grid_of(
        "task: {name: latch, length: [20, 40]}\ncell: rnn\ntraining: {steps: [100, 200]}\n"
    )

    short, more_updates, longer, _ = flops(grid)

    assert more_updates == 2 * short
    assert longer == pytest.approx(2 * short, rel=0.01)
