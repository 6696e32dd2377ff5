"""Sequences that have ended: nothing is multiplied for them, and nobody beside them notices."""

import pytest
import torch

from bptt.kernels import Runner
from bptt_plugins.cells.gru_cho import GRUCho
from bptt_plugins.cells.layernorm_lstm import LayerNormLSTM
from bptt_plugins.cells.lem import LEM
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.multiplicative_lstm import MultiplicativeLSTM
from bptt_plugins.cells.rnn import RNN
from bptt_plugins.cells.zoneout_lstm import ZoneoutLSTM
from tests.numerics import strange_cells as strange

CELLS = [RNN, LSTM, GRUCho, LEM, MultiplicativeLSTM, LayerNormLSTM, ZoneoutLSTM, strange.Staged]
TIME, BATCH = 20, 50
LENGTHS = 1 + torch.arange(BATCH) * 7 % TIME


def outcome(cell, x, lengths):
    """Return outputs, and the gradients to inputs and weights of a loss of all outputs."""
    x = x.detach().requires_grad_()
    own = [parameter for parameter in cell.parameters() if parameter.numel()]
    unrolled = Runner("compiled").unroll(cell, x, cell.initial_state(x.shape[1]), lengths)
    loss = unrolled.outputs.square().sum()
    return [unrolled.outputs.detach(), *torch.autograd.grad(loss, [x, *own])]


def make(cell_class, hidden):
    torch.manual_seed(0)
    return cell_class(3, hidden)


@pytest.mark.parametrize("hidden", [24, 272])
@pytest.mark.parametrize("cell_class", CELLS)
def test_sequence_that_ends_has_the_same_bits_whoever_stands_beside_it(cell_class, hidden):
    cell = make(cell_class, hidden)
    x = torch.randn(TIME, BATCH, 3)
    outputs, to_inputs, *_ = outcome(cell, x, LENGTHS)

    for rows in (slice(0, 9), slice(33, 50), slice(41, 43)):
        # a cell may draw random numbers, each sequence its own
        with cell.draws.at(torch.arange(BATCH)[rows]):
            own, to_own, *_ = outcome(cell, x[:, rows], LENGTHS[rows])
        assert torch.equal(outputs[:, rows], own)
        assert torch.equal(to_inputs[:, rows], to_own)


@pytest.mark.parametrize("cell_class", CELLS)
def test_what_lies_behind_the_end_of_a_sequence_is_not_read(cell_class):
    cell = make(cell_class, 24)
    x = torch.randn(TIME, BATCH, 3)
    ended = torch.arange(TIME).unsqueeze(1) >= LENGTHS
    expected = outcome(cell, x.masked_fill(ended.unsqueeze(-1), 0.0), LENGTHS)

    found = outcome(cell, x.masked_fill(ended.unsqueeze(-1), torch.nan), LENGTHS)

    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    assert not found[1][ended].any()


@pytest.mark.parametrize("cell_class", CELLS)
def test_steps_after_the_end_of_all_change_no_bit(cell_class):
    cell = make(cell_class, 24)
    x = torch.randn(TIME + 9, BATCH, 3)
    found = []
    for steps in (TIME, TIME + 9):
        final = Runner("compiled").unroll(cell, x[:steps], cell.initial_state(BATCH), LENGTHS).final
        own = [parameter for parameter in cell.parameters() if parameter.numel()]
        found.append([*final, *torch.autograd.grad(final[0].square().sum(), own)])

    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
        assert one.any()
