from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from bptt.contracts import Cell, PointwiseCell
from bptt.measuring.jacobian import step_jacobians
from bptt_plugins.cells.antisymmetric import Antisymmetric
from bptt_plugins.cells.cifg_lstm import CIFGLSTM
from bptt_plugins.cells.gru import GRU
from bptt_plugins.cells.gru_cho import GRUCho
from bptt_plugins.cells.gru_chung import GRUChung
from bptt_plugins.cells.layernorm_lstm import LayerNormLSTM
from bptt_plugins.cells.leaky_rnn import LeakyRNN
from bptt_plugins.cells.lem import LEM
from bptt_plugins.cells.lru import LRU
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.mingru import MinGRU
from bptt_plugins.cells.minlstm import MinLSTM
from bptt_plugins.cells.multiplicative_lstm import MultiplicativeLSTM
from bptt_plugins.cells.rhn import RHN
from bptt_plugins.cells.rnn import RNN
from tests.numerics.strange_cells import Averaging, Staged

TIME, INPUT, HIDDEN = 5, 3, 4
CELLS = {
    "rnn": lambda: RNN(INPUT, HIDDEN),
    "relu": lambda: RNN(INPUT, HIDDEN, nonlinearity="relu"),
    "lstm": lambda: LSTM(INPUT, HIDDEN),
    "lstm without biases": lambda: LSTM(INPUT, HIDDEN, biases=0),
    "gru": lambda: GRU(INPUT, HIDDEN),
    "gru with two biases": lambda: GRU(INPUT, HIDDEN, biases=2),
    "gru_cho": lambda: GRUCho(INPUT, HIDDEN),
    "gru_chung": lambda: GRUChung(INPUT, HIDDEN),
    "mingru": lambda: MinGRU(INPUT, HIDDEN),
    "minlstm": lambda: MinLSTM(INPUT, HIDDEN),
    "lru": lambda: LRU(INPUT, HIDDEN),
    "rhn": lambda: RHN(INPUT, HIDDEN),
    "lem": lambda: LEM(INPUT, HIDDEN),
    "multiplicative_lstm": lambda: MultiplicativeLSTM(INPUT, HIDDEN),
    "antisymmetric": lambda: Antisymmetric(INPUT, HIDDEN, gated=True),
    "gates that read gates": lambda: CIFGLSTM(INPUT, HIDDEN, variant="fgr"),
    "leaky_rnn": lambda: LeakyRNN(INPUT, HIDDEN, excitatory=0.5, self_connections=False),
    "products of all kinds": lambda: Staged(INPUT, HIDDEN),
    "means and sums of all kinds": lambda: Averaging(INPUT, HIDDEN),
    "layernorm_lstm": lambda: LayerNormLSTM(INPUT, HIDDEN),
}


class Peephole(PointwiseCell):
    """A vector, a preactivation of the input alone, one of the state alone, and a dead state."""

    states = ("h", "c", "clock")
    preactivations: ClassVar = {"a": "x+h", "b": "x", "d": "h"}
    vectors: ClassVar = {"p": (-1.0, 1.0)}

    def step(
        self, a: Tensor, b: Tensor, d: Tensor, h: Tensor, c: Tensor, clock: Tensor, p: Tensor
    ) -> tuple[Tensor, ...]:
        c = torch.sigmoid(a + p * c) * c + torch.tanh(b)
        return torch.tanh(c) * d, c, torch.ones_like(clock)


class Switch(Cell):
    """A cell whose step looks at its values: torch.func cannot vectorise it."""

    states = ("h",)

    def __init__(self) -> None:
        super().__init__(INPUT, HIDDEN)
        self.weight = nn.Parameter(torch.randn(HIDDEN, HIDDEN))

    def forward(self, x_t: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,) = state
        return (torch.tanh(h @ self.weight) if h.abs().max().item() < 100 else h,)


@pytest.fixture
def x():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(TIME, INPUT, generator=generator, dtype=torch.float64)


def make(build):
    torch.manual_seed(0)
    return build().double()


def by_jacrev(cell, x, states):
    sizes = [HIDDEN] * len(states)

    def step(flat, x_t):
        return torch.cat(cell(x_t[None], tuple(s[None] for s in flat.split(sizes))), dim=-1)[0]

    return vmap(jacrev(step))(torch.cat(states, dim=-1), x).detach()


def one_sequence(states):
    return tuple(s.squeeze(1) for s in states)


@pytest.mark.parametrize("name", [*CELLS, "peephole"])
def test_step_jacobians_of_every_cell_equal_jacrev(name, x, states_before):
    cell = make(CELLS.get(name, lambda: Peephole(INPUT, HIDDEN)))
    states = one_sequence(states_before(cell, x.unsqueeze(1)))

    jacobians = step_jacobians(cell, x, states)

    torch.testing.assert_close(jacobians, by_jacrev(cell, x, states), rtol=1e-12, atol=1e-14)
    assert jacobians.shape == (TIME, len(states) * HIDDEN, len(states) * HIDDEN)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "gru with two biases"])
def test_step_jacobians_equal_the_closed_form(name, x, states_before, closed_form_jacobian):
    cell = make(CELLS[name])
    states = one_sequence(states_before(cell, x.unsqueeze(1)))

    jacobians = step_jacobians(cell, x, states)

    expected = [closed_form_jacobian(cell, x[t], tuple(s[t] for s in states)) for t in range(TIME)]
    torch.testing.assert_close(jacobians, torch.stack(expected), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["lstm", "gru_cho"])
def test_step_jacobian_times_a_nudge_of_the_old_state_is_the_nudge_of_the_new(
    name, x, states_before
):
    cell = make(CELLS[name])
    states = one_sequence(states_before(cell, x.unsqueeze(1)))
    nudges = tuple(1e-6 * torch.randn_like(s) for s in states)

    jacobians = step_jacobians(cell, x, states)

    with torch.no_grad():
        above = cell(x, tuple(s + d for s, d in zip(states, nudges, strict=True)))
        below = cell(x, tuple(s - d for s, d in zip(states, nudges, strict=True)))
    moved = (torch.cat(above, dim=-1) - torch.cat(below, dim=-1)) / 2
    predicted = (jacobians @ torch.cat(nudges, dim=-1).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(predicted, moved, rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("name", ["lstm", "gru_cho"])
def test_step_jacobians_of_a_batch_are_those_of_each_sequence(name, states_before):
    cell = make(CELLS[name])
    x = torch.randn(TIME, 2, INPUT, dtype=torch.float64)
    states = states_before(cell, x)

    together = step_jacobians(cell, x, states)

    for sequence in range(2):
        alone = step_jacobians(cell, x[:, sequence], tuple(s[:, sequence] for s in states))
        torch.testing.assert_close(together[:, sequence], alone, rtol=1e-13, atol=1e-15)


def test_step_jacobians_of_a_cell_that_cannot_be_vectorised_are_right(x):
    cell = make(Switch)
    h = torch.randn(TIME, HIDDEN, dtype=torch.float64)

    jacobians = step_jacobians(cell, x, (h,))

    slope = 1 - torch.tanh(h @ cell.weight.detach()) ** 2
    expected = slope.unsqueeze(-1) * cell.weight.detach().T
    torch.testing.assert_close(jacobians, expected)


@pytest.mark.parametrize("name", ["lstm", "gru_cho"])
def test_step_jacobians_leave_no_trace(name, x):
    cell = make(CELLS[name])
    states = tuple(torch.zeros(TIME, HIDDEN, dtype=torch.float64) for _ in cell.states)

    jacobians = step_jacobians(cell, x, states)

    assert not jacobians.requires_grad
    assert not any(s.requires_grad for s in states)
    assert all(parameter.grad is None for parameter in cell.parameters())


@pytest.mark.parametrize("name", ["lstm", "gru_cho"])
def test_step_jacobians_are_the_same_where_gradients_are_off(name, x):
    cell = make(CELLS[name])
    states = tuple(torch.zeros(TIME, HIDDEN, dtype=torch.float64) for _ in cell.states)
    expected = step_jacobians(cell, x, states)

    with torch.no_grad():
        jacobians = step_jacobians(cell, x, states)

    assert torch.equal(jacobians, expected)


@pytest.mark.parametrize("name", ["lstm", "gru_cho"])
def test_step_jacobians_of_a_float32_cell_are_float64(name, x):
    cell = make(CELLS[name]).float()
    states = tuple(torch.zeros(TIME, HIDDEN) for _ in cell.states)

    assert step_jacobians(cell, x.float(), states).dtype == torch.float64


@pytest.mark.parametrize("name", ["lstm", "gru_cho"])
def test_step_jacobians_of_a_nan_state_are_nan_at_that_step_only(name, x):
    cell = make(CELLS[name])
    states = tuple(torch.zeros(TIME, HIDDEN, dtype=torch.float64) for _ in cell.states)
    states[0][2] = torch.nan

    finite = step_jacobians(cell, x, states).isfinite().all(-1).all(-1)

    assert finite.tolist() == [True, True, False, True, True]
