"""A cell against the equations of its paper, written out for one sequence, one step at a time."""

import torch

from bptt.kernels import Runner

TIME, BATCH, INPUT, HIDDEN = 7, 3, 2, 5


def make(cell_class, hidden=HIDDEN, **options):
    """Return a float64 cell with parameters of its own seed."""
    torch.manual_seed(0)
    return cell_class(INPUT, hidden, **options).double()


def weights_of(cell):
    """Return W, U and b by the name of what they feed, for `W @ x` as papers write it."""
    w = cell.split(cell.input_weight.detach(), cell.input_fed)
    u = {name: block.detach() for name, block in cell.recurrent_weights.items()}
    b = cell.split(cell.input_bias.detach(), cell.input_biased)
    b |= cell.split(cell.recurrent_bias.detach(), cell.state_biased)
    return {n: m.T for n, m in w.items()}, {n: m.T for n, m in u.items()}, b


def drawn(cell, time=TIME, batch=BATCH):
    """Return inputs and a first state of N(0, 1)."""
    x = torch.randn(time, batch, cell.input_size, dtype=torch.float64)
    first = tuple(torch.randn(batch, cell.hidden_size, dtype=torch.float64) for _ in cell.states)
    return x, first


def assert_computes(cell, equations, backend):
    """Compare every state of a `PointwiseCell` after every step.

    Args:
        cell: under one backend.
        equations: of cell, W, U, b, x and the states of a step, return the new states.
        backend: that must run it.
    """
    x, first = drawn(cell)
    runner = Runner(backend)
    states = runner.unroll(cell, x, first).states

    assert runner.backend == backend
    weights = weights_of(cell)
    for sequence in range(BATCH):
        state = tuple(s[sequence] for s in first)
        for t in range(TIME):
            state = equations(cell, *weights, x[t, sequence], *state)
            for found, expected in zip(states, state, strict=True):
                torch.testing.assert_close(
                    found[t, sequence].detach(), expected, rtol=1e-12, atol=1e-13
                )
