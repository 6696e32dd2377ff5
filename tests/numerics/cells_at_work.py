"""A cell without recurrent weights over a sequence, for the tests of minGRU, minLSTM and LRU."""

import torch

from bptt.kernels import Runner
from bptt.training import TrainingRun, train

TIME, BATCH, INPUT, HIDDEN = 40, 3, 2, 5
BACKENDS = ["compiled", "sequence", "autograd"]


def make(kind, hidden=HIDDEN, **options):
    """Return a float64 cell with parameters of its own seed."""
    torch.manual_seed(0)
    return kind(INPUT, hidden, **options).double()


def random(*shape, seed=1):
    """Return float64 numbers of N(0, 1)."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def states_of(cell, x, initial, backend="autograd", **asked):
    """Return what a backend did with a cell."""
    return Runner(backend).unroll(cell, x, initial, **asked)


def measured(cell, backend, index):
    """Return the norms of the gradient of one state's last value, (states, time)."""
    x = random(TIME, BATCH, INPUT)
    initial = tuple(random(BATCH, cell.hidden_size, seed=7) for _ in cell.states)
    unrolled = states_of(cell, x, initial, backend, gradient_norms=True)
    weights = random(BATCH, cell.hidden_size, seed=8)
    (unrolled.final[index] * weights).sum().backward()
    return unrolled.gradient_norms, x, initial, weights


def train_with_statistics(make_spec, cell):
    """Train four updates; return the cell and the arrays of the last probe."""
    spec = make_spec(
        {"name": "latch", "length": 12},
        cell,
        training={"steps": 4, "stop_when_solved": False},
        statistics={"interval": 2, "jacobian_interval": 2},
    )
    run, arrays = TrainingRun(spec), {}
    for report in train(run):
        arrays = report.probe or arrays
    assert run.model.backend == "compiled"
    return run.model.stack.layers[0].cells[0], arrays


def train_to_keep_a_bit(make_spec, cell):
    """Return how a run of the latch over ten steps ends."""
    spec = make_spec(
        {"name": "latch", "length": 10},
        cell,
        optimizer={"name": "adam", "lr": 0.01},
        model={"hidden_size": 16},
        training={"steps": 2000, "evaluate_every": 20, "batch_size": 32, "evaluation_size": 64},
    )
    run = TrainingRun(spec)
    for _ in train(run):
        pass
    return run.outcome.name
