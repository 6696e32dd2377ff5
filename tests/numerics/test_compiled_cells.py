"""The compiled and the sequence backend against autograd, for every cell there is."""

import pytest
import torch

from bptt import registry
from bptt.contracts import PointwiseCell
from bptt.kernels import Runner
from bptt.kernels.autograd import unroll
from bptt.kernels.step.plan import plan
from bptt.kernels.step.tracing import trace
from bptt_plugins.cells.gru import GRU
from bptt_plugins.cells.gru_cho import GRUCho
from bptt_plugins.cells.layernorm_lstm import LayerNormLSTM
from bptt_plugins.cells.lem import LEM
from bptt_plugins.cells.lru import LRU
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.mingru import MinGRU
from bptt_plugins.cells.minlstm import MinLSTM
from bptt_plugins.cells.multiplicative_lstm import MultiplicativeLSTM
from bptt_plugins.cells.rnn import RNN
from bptt_plugins.cells.slstm import SLSTM
from tests.numerics import strange_cells as strange

REGISTERED = [
    cell
    for cell in (registry.load("cell", name) for name in registry.discover("cell"))
    if issubclass(cell, PointwiseCell)
]
STRANGE = [
    strange.Peephole,
    strange.Independent,
    strange.OfVectors,
    strange.ThreeStates,
    strange.ManyOperations,
    strange.Staged,
    strange.Averaging,
]
SIZES = [(7, 4, 3, 5), (50, 33, 2, 33), (2, 1, 9, 1), (1, 3, 1, 32), (3, 13, 20, 257)]
"""(time, batch, features, hidden); the last one's weights lie in panels, of odd width"""
POSITIVE = {SLSTM: ("n",)}
"""States that a cell divides by, which are sums of exponentials."""
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-4}


def run_both(cell, backend, sizes, lengths=None, truncation=None, of="all"):
    """Return what a loss of all states gives under a backend and under autograd."""
    time, batch, features, hidden = sizes
    dtype = cell.input_weight.dtype
    torch.manual_seed(1)
    x = torch.randn(time, batch, features, dtype=dtype, requires_grad=True)
    initial = tuple(
        torch.randn(batch, hidden, dtype=dtype, requires_grad=True) for _ in cell.states
    )
    for name, state in zip(cell.states, initial, strict=True):
        if name in POSITIVE.get(type(cell), ()):
            state.data.abs_().add_(0.5)
    weights = [torch.randn(time, batch, hidden, dtype=dtype) for _ in cell.states]
    runner = Runner(backend)
    found = []
    for run in (runner.unroll, unroll):
        unrolled = run(cell, x, initial, lengths, truncation)
        loss = sum(state.square().sum() for state in unrolled.final)
        if of == "all":
            loss = loss + sum((s * w).sum() for s, w in zip(unrolled.states, weights, strict=True))
        arguments = [x, *initial, *(p for p in cell.parameters() if p.numel())]
        gradients = torch.autograd.grad(loss, arguments, materialize_grads=True)
        found.append([*unrolled.states, *unrolled.final, *gradients])
    assert runner.backend == backend
    return found


def assert_same(found):
    ours, theirs = found
    for one, other in zip(ours, theirs, strict=True):
        tolerance = TOLERANCE[one.dtype]
        largest = float(other.detach().abs().max()) if other.numel() else 0.0
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * max(1.0, largest))


def make(cell_class, sizes, dtype=torch.float64, **options):
    torch.manual_seed(0)
    return cell_class(sizes[2], sizes[3], **options).to(dtype)


@pytest.mark.parametrize("backend", ["compiled", "sequence"])
@pytest.mark.parametrize("cell_class", [*REGISTERED, *STRANGE], ids=lambda c: c.__name__)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_backend_gives_the_states_and_gradients_of_autograd(cell_class, backend, dtype):
    for sizes in SIZES if backend == "compiled" else SIZES[:1]:
        assert_same(run_both(make(cell_class, sizes, dtype), backend, sizes))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_kernel_for_a_smaller_processor_is_right_too(smaller_processor, dtype):
    for cell_class in (LSTM, strange.ManyOperations, strange.Staged, strange.Averaging):
        for sizes in SIZES:
            assert_same(run_both(make(cell_class, sizes, dtype), "compiled", sizes))
    # none of them is what this processor would have got
    assert list(smaller_processor.iterdir())


@pytest.mark.parametrize("backend", ["compiled", "sequence"])
@pytest.mark.parametrize("biases", [0, 1, 2])
@pytest.mark.parametrize("truncation", [None, 1, 3])
@pytest.mark.parametrize(
    "cell_class", [strange.Peephole, strange.ThreeStates, strange.Averaging, GRUCho, LEM]
)
def test_backend_heeds_biases_truncation_and_lengths(cell_class, backend, biases, truncation):
    sizes = (7, 35, 3, 5)
    lengths = torch.arange(35) % 7 + 1
    cell = make(cell_class, sizes, biases=biases)

    assert_same(run_both(cell, backend, sizes, lengths, truncation))
    assert_same(run_both(cell, backend, sizes, None, truncation, of="final"))


@pytest.mark.parametrize("backend", ["compiled", "sequence"])
@pytest.mark.parametrize("biases", [0, 1])
@pytest.mark.parametrize("truncation", [None, 3])
@pytest.mark.parametrize("cell_class", [MinGRU, MinLSTM, LRU, strange.Staged])
def test_cell_without_recurrent_weights_heeds_them_too(cell_class, backend, biases, truncation):
    sizes = (7, 35, 3, 5)
    lengths = torch.arange(35) % 7 + 1

    assert_same(
        run_both(make(cell_class, sizes, biases=biases), backend, sizes, lengths, truncation)
    )


@pytest.mark.parametrize("backend", ["compiled", "sequence"])
@pytest.mark.parametrize("cell_class", STRANGE)
def test_backends_gradient_is_that_of_finite_differences(cell_class, backend):
    sizes = (3, 2, 2, 3)
    cell = make(cell_class, sizes)
    runner = Runner(backend)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    initial = tuple(torch.randn(2, 3, dtype=torch.float64) for _ in cell.states)
    initial = tuple(s.requires_grad_() for s in initial)
    named = {n: p for n, p in cell.named_parameters() if p.numel()}

    def states(x, *rest):
        for parameter, value in zip(named.values(), rest[len(initial) :], strict=True):
            assert parameter is value
        return runner.unroll(cell, x, rest[: len(initial)]).states

    assert torch.autograd.gradcheck(states, (x, *initial, *named.values()), atol=1e-6)


@pytest.mark.parametrize("backend", ["compiled", "sequence", "autograd"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("cell_class", [strange.Peephole, LEM, LayerNormLSTM])
def test_norms_are_those_of_retained_gradients(cell_class, backend, dtype):
    cell = make(cell_class, (9, 40, 3, 5), dtype)
    x = torch.randn(9, 40, 3, dtype=dtype)

    def backward(unrolled):
        (1e-3 * unrolled.final[0].sum() + unrolled.outputs[3].square().sum()).backward()
        return unrolled

    reference = unroll(cell, x, cell.initial_state(40))
    columns = [reference.states_of(k) for k in range(2)]
    for tensor in (*columns[0], *columns[1]):
        tensor.retain_grad()
    backward(reference)
    asked = Runner(backend).unroll(cell, x, cell.initial_state(40), gradient_norms=True)
    found = backward(asked).gradient_norms

    expected = [
        [0.0 if s.grad is None else float(s.grad.double().norm()) for s in column]
        for column in columns
    ]
    rtol = 1e-12 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=torch.float64), rtol=rtol, atol=0
    )


@pytest.mark.parametrize("backend", ["compiled", "sequence", "autograd"])
def test_norms_below_the_root_of_the_smallest_number_are_right(backend):
    for dtype, tiny in ((torch.float32, 1e-30), (torch.float64, 1e-250)):
        cell = make(strange.Independent, (3, 4, 2, 5), dtype)
        x = torch.ones(3, 4, 2, dtype=dtype)
        unrolled = Runner(backend).unroll(cell, x, cell.initial_state(4), gradient_norms=True)
        (tiny * unrolled.final[0]).sum().backward()

        assert float(unrolled.gradient_norms[0, 2]) == pytest.approx(tiny * 20**0.5, rel=1e-5)


@pytest.mark.parametrize("backend", ["compiled", "sequence"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("cell_class", [*REGISTERED, strange.ManyOperations])
def test_nan_and_infinity_come_out_where_autograd_has_them(cell_class, backend, value):
    sizes = (4, 3, 2, 5)
    cell = make(cell_class, sizes, torch.float32)
    x = torch.randn(4, 3, 2)
    x[1, 1, 0] = value
    ours = Runner(backend).unroll(cell, x, cell.initial_state(3)).states
    theirs = unroll(cell, x, cell.initial_state(3)).states

    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4, equal_nan=True)


def test_what_hangs_on_vectors_alone_is_computed_once_and_not_kept_for_every_step():
    cell = make(strange.OfVectors, (2, 1, 3, 5))
    found = plan(trace(cell, torch.float64))

    once = [operation.name for operation in found.fixing]
    at_each_step = {operation.name for operation in (*found.forward, *found.backward)}

    assert once.count("exp.default") == 2
    assert {"cos.default", "sin.default", "gt.Tensor"} <= set(once)
    assert not {"exp.default", "cos.default", "sin.default", "gt.Tensor"} & at_each_step
    # the old states are there anyway, the truth and the numbers are made again
    assert [value.kind for value in found.saved] == ["real"]


def test_padding_reaches_neither_states_nor_gradients():
    sizes = (60, 2, 3, 5)
    cell = make(RNN, sizes, torch.float32, nonlinearity="relu")
    with torch.no_grad():
        cell.recurrent_weight.mul_(1e4)
    x = torch.randn(60, 2, 3)
    lengths = torch.tensor([2, 3])

    (final,) = Runner("compiled").unroll(cell, x, cell.initial_state(2), lengths).final
    (gradient,) = torch.autograd.grad(final.sum(), cell.recurrent_weight)
    (expected,) = unroll(cell, x, cell.initial_state(2), lengths).final

    assert torch.isfinite(gradient).all()
    torch.testing.assert_close(final, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("hidden", [24, 272])
@pytest.mark.parametrize("cell_class", [LSTM, GRU, LayerNormLSTM, MultiplicativeLSTM])
def test_sequence_has_the_same_bits_whoever_stands_beside_it(cell_class, hidden):
    cell = make(cell_class, (20, 50, 3, hidden), torch.float32)
    runner = Runner("compiled")
    x = torch.randn(20, 50, 3, requires_grad=True)

    together = runner.unroll(cell, x, cell.initial_state(50)).outputs
    (to_inputs,) = torch.autograd.grad(together.square().sum(), x)

    # few sequences go through the products in other blocks, and their weights lie in panels
    for few in range(1, 8):
        own = x[:, 41 : 41 + few].detach().requires_grad_()
        alone = runner.unroll(cell, own, cell.initial_state(few)).outputs
        (to_own,) = torch.autograd.grad(alone.square().sum(), own)

        assert torch.equal(together[:, 41 : 41 + few], alone)
        assert torch.equal(to_inputs[:, 41 : 41 + few], to_own)


@pytest.mark.parametrize("reads", ["final", "outputs"])
@pytest.mark.parametrize("cell_type", [LSTM, LRU, strange.WithClock, LEM, LayerNormLSTM])
@pytest.mark.parametrize("backend", ["sequence", "compiled"])
def test_norms_of_sequences_of_different_lengths_are_those_of_autograd(cell_type, backend, reads):
    def norms(of):
        torch.manual_seed(0)
        cell = cell_type(3, 5).double()
        x = torch.randn(7, 4, 3, dtype=torch.float64)
        initial = tuple(s.double() for s in cell.initial_state(4))
        lengths = torch.tensor([7, 5, 7, 3])
        unrolled = Runner(of).unroll(cell, x, initial, lengths, None, True)
        read = unrolled.final[0] if reads == "final" else unrolled.outputs
        read.square().sum().backward()
        return unrolled.gradient_norms

    found = norms(backend)
    # what leaves a step by its other state counts: c of an lstm, through h
    assert (found[:, -1] > 0).any()
    torch.testing.assert_close(found, norms("autograd"), rtol=1e-10, atol=1e-14)
