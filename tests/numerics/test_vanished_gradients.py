"""The way back ends where every gradient is exactly 0, and nothing that it leaves out is missed."""

import math

import pytest
import torch
from torch import sigmoid, tanh

from bptt.contracts import PointwiseCell
from bptt.kernels import Runner, autograd
from bptt.kernels.compiled import emission
from bptt.kernels.compiled.emission import source
from bptt.kernels.step.tracing import trace
from bptt.kernels.step.vanishing import ZeroProof
from bptt_plugins.cells.gru import GRU
from bptt_plugins.cells.gru_cho import GRUCho
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.mgu import MGU
from bptt_plugins.cells.mingru import MinGRU
from bptt_plugins.cells.rnn import RNN
from tests.numerics import strange_cells as strange

TIME, BATCH, FEATURES, HIDDEN = 90, 5, 2, 7


class NormRNN(PointwiseCell):
    """A network whose inputs are normalised by means over the units."""

    states = ("h",)
    preactivations = {"a": "x", "b": "h"}

    def step(self, a, b, h):
        a = a - self.mean(a)
        return tanh(0.1 * a * torch.rsqrt(self.mean(a * a) + 0.01) + b) - 0.01 * self.mean(b)


CELLS = [RNN, LSTM, GRU, MinGRU, GRUCho, MGU, NormRNN]


class Halving(PointwiseCell):
    """h = clamp(a, -1, 1) h / 16 + x: a gradient that is flushed to 0 within some 40 steps."""

    states = ("h",)
    preactivations = {"a": "x+h", "b": "x"}

    def step(self, a, b, h):
        return a.clamp(-1, 1) * h / 16 + b


def is_early(cell, dtype=torch.float32):
    """Say whether the kernel of a cell may end early."""
    return "#define KEEPS_ZERO 1\n" in source(cell, trace(cell, dtype), dtype)


def made(cell_class, dtype=torch.float32):
    torch.manual_seed(0)
    cell = cell_class(FEATURES, HIDDEN).to(dtype)
    with torch.no_grad():
        for parameter in cell.parameters():
            # gradients vanish soon
            parameter.mul_(0.1)
    return cell


def both_ways(cell, x, reads, **options):
    """Return gradients to inputs and parameters, and norms, from the kernel and from autograd.

    The second way flushes denormals, too, as all training does.
    """
    found = []
    torch.set_flush_denormal(True)
    try:
        for run in (Runner("compiled").unroll, autograd.unroll):
            own = x.clone().requires_grad_()
            did = run(cell, own, cell.initial_state(x.shape[1]), gradient_norms=True, **options)
            parameters = [p for p in cell.parameters() if p.numel()]
            got = torch.autograd.grad(reads(did), [own, *parameters], materialize_grads=True)
            found.append([*got, did.gradient_norms])
    finally:
        torch.set_flush_denormal(False)
    return found


def assert_close(one, other):
    largest = float(other.abs().max())
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * largest)


def last(did):
    return did.final[0].sum()


@pytest.mark.parametrize("cell_class", [*CELLS, Halving])
def test_gradients_are_those_of_the_whole_way(cell_class):
    cell, x = made(cell_class), torch.randn(TIME, BATCH, FEATURES)
    assert is_early(cell)

    ours, theirs = both_ways(cell, x, lambda did: 1e-25 * last(did))

    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other)
    # it did vanish: at the first steps all gradients and norms are exactly 0
    assert torch.equal(ours[0][0], torch.zeros(BATCH, FEATURES))
    assert float(ours[-1][:, 0].max()) == 0 < float(ours[-1][:, -1].max())


@pytest.mark.parametrize("cell_class", [*CELLS, Halving])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_bits_are_those_of_the_whole_way(cell_class, dtype, monkeypatch):
    cell = made(cell_class, dtype)
    x = torch.randn(TIME, 40, FEATURES, dtype=dtype)
    tiny = 1e-25 if dtype == torch.float32 else 1e-300
    lengths = torch.arange(40) % TIME + 1

    def early():
        return [
            both_ways(cell, x, lambda did: tiny * last(did), **options)[0]
            for options in ({}, {"lengths": lengths}, {"truncation": 9})
        ]

    ours = early()
    assert float(ours[0][-1][:, 0].max()) == 0
    monkeypatch.setattr(emission, "prove_zeros", lambda *of: ZeroProof(False, False))
    whole = early()

    for one, other in zip(ours, whole, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("cell_class", CELLS)
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e30])
def test_input_that_is_not_moderate_is_not_left_out(cell_class, value):
    cell, x = made(cell_class), torch.randn(TIME, BATCH, FEATURES)
    x[3, 1, 0] = value

    ours, theirs = both_ways(cell, x, lambda did: 1e-25 * last(did))

    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.isnan(), other.isnan())
    # 0 times infinity in the weight, though every gradient is 0 there
    spoiled = bool(ours[1].isnan().any())
    assert spoiled == (not math.isfinite(value))


WEIGHTS = [
    (cell_class, parameter)
    for cell_class in CELLS
    for parameter in ("input_weight", "recurrent_weight", "input_bias")
    # a cell whose preactivations read the input alone has an empty recurrent weight
    if getattr(made(cell_class), parameter).numel()
]


@pytest.mark.parametrize(("cell_class", "parameter"), WEIGHTS)
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_weight_that_is_not_finite_is_not_left_out(cell_class, parameter, value):
    cell, x = made(cell_class), torch.randn(TIME, BATCH, FEATURES)
    weight = getattr(cell, parameter)
    with torch.no_grad():
        weight.view(-1)[0] = value

    ours, theirs = both_ways(cell, x, lambda did: 1e-25 * last(did))

    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.isnan(), other.isnan())


@pytest.mark.parametrize("cell_class", CELLS)
@pytest.mark.parametrize("step", [0, 2, 40])
def test_gradient_from_outside_at_an_earlier_step_is_not_left_out(cell_class, step):
    cell, x = made(cell_class), torch.randn(TIME, BATCH, FEATURES)

    ours, theirs = both_ways(
        cell, x, lambda did: 1e-25 * last(did) + did.outputs[step, 2].square().sum()
    )

    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other)
    assert float(ours[-1][0, step]) > 0


@pytest.mark.parametrize("cell_class", CELLS)
def test_sequences_that_have_ended_and_windows_that_have_begun_vanish_alike(cell_class):
    cell, x = made(cell_class), torch.randn(TIME, BATCH, FEATURES)
    lengths = torch.tensor([90, 1, 17, 30, 89])

    for options in ({"lengths": lengths}, {"truncation": 4}, {"lengths": lengths, "truncation": 7}):
        ours, theirs = both_ways(cell, x, last, **options)

        for one, other in zip(ours, theirs, strict=True):
            assert_close(one, other)


@pytest.mark.parametrize("cell_class", CELLS)
def test_tiles_of_sequences_end_each_by_itself(cell_class):
    # sequences 0 .. 31 are one tile; only in the second one a gradient comes from an early step
    cell, x = made(cell_class), torch.randn(TIME, 40, FEATURES)

    ours, theirs = both_ways(
        cell, x, lambda did: 1e-25 * last(did) + did.outputs[1, 35].square().sum()
    )

    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other)
    assert torch.equal(ours[0][0, :32], torch.zeros(32, FEATURES))
    assert ours[0][0, 35].abs().max() > 0


class Logarithmic(Halving):
    """Whose derivative divides by what may be 0."""

    def step(self, a, b, h):
        return torch.log(a * a) * h / 16 + b


class Overflowing(Halving):
    """Whose derivative multiplies so many moderate numbers that they may be infinite."""

    def step(self, a, b, h):
        return (a * a) * (a * a) * (a * h) / 16 + b


@pytest.mark.parametrize("cell_class", [Logarithmic, Overflowing, strange.ManyOperations])
def test_derivative_that_may_make_something_of_zeros_runs_the_whole_way(cell_class):
    assert not is_early(cell_class(FEATURES, HIDDEN))


def test_kept_values_are_looked_at_unless_they_are_finite_anyway():
    def text(cell):
        return source(cell, trace(cell, torch.float32), torch.float32)

    class Exponential(Halving):
        """Keeps exp(a), which may be infinite."""

        def step(self, a, b, h):
            return sigmoid(-a.exp()) * h + tanh(b)

    assert "#define SAVED_IS_FINITE 1\n" in text(made(LSTM))
    assert "#define SAVED_IS_FINITE 0\n" in text(Exponential(FEATURES, HIDDEN))
