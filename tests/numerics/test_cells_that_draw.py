"""Cells that draw random numbers against the equations of their papers, and where none may."""

import pytest
import torch
from torch import sigmoid, tanh

from bptt.contracts import PointwiseCell
from bptt.errors import ContractViolation
from bptt.kernels import Runner
from bptt.measuring.cell_at_work import CellAtWork
from bptt.measuring.jacobian import step_jacobians
from bptt_plugins.cells.leaky_rnn import LeakyRNN
from bptt_plugins.cells.lstm import LSTM
from bptt_plugins.cells.variational_lstm import VariationalLSTM
from bptt_plugins.cells.zoneout_lstm import ZoneoutLSTM

BACKENDS = ["autograd", "sequence", "compiled"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_zoneout_keeps_units_at_its_rates_and_takes_the_mean_in_an_evaluation(backend):
    torch.manual_seed(0)
    cell = ZoneoutLSTM(2, 64, keep_h=0.1, keep_c=0.4).double()
    plain = LSTM(2, 64).double()
    plain.load_state_dict(cell.state_dict())
    x = torch.randn(1, 200, 2, dtype=torch.float64)
    old = tuple(torch.randn(200, 64, dtype=torch.float64) for _ in cell.states)
    runner = Runner(backend)

    with torch.no_grad():
        trained = runner.unroll(cell, x, old).final
        evaluated = runner.unroll(cell.eval(), x, old).final
        new = Runner(backend).unroll(plain, x, old).final

    for rate, was, became, mean, full in zip((0.1, 0.4), old, trained, evaluated, new, strict=True):
        kept = became == was
        assert abs(float(kept.double().mean()) - rate) < 0.03
        torch.testing.assert_close(became[~kept], full[~kept], rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(mean, rate * was + (1 - rate) * full, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_noise_of_a_leaky_network_has_the_variance_of_its_paper(backend):
    torch.manual_seed(0)
    x = torch.randn(20, 64, 2, dtype=torch.float64)
    cells = [LeakyRNN(2, 64, alpha=0.3, noise=noise).double() for noise in (0.0, 0.2)]
    for cell in cells:
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.zero_()
        found = Runner(backend).unroll(cell, x, cell.initial_state(64)).states[1].detach()
        # v = 0.7 v + sqrt(0.6) sigma N(0, 1), from v = 0
        gained = found[1:] - 0.7 * found[:-1]
        assert float(gained.std()) == pytest.approx(0.6**0.5 * cell.noise, rel=0.01)


@pytest.mark.parametrize("backend", BACKENDS)
def test_variational_lstm_leaves_the_same_units_out_at_every_step(backend):
    torch.manual_seed(0)
    cell = VariationalLSTM(2, 64, dropout=0.25).double()
    x = torch.randn(5, 100, 2, dtype=torch.float64)
    runner = Runner(backend)
    with torch.no_grad():
        trained = runner.unroll(cell, x, cell.initial_state(100)).outputs
        evaluated = runner.unroll(cell.eval(), x, cell.initial_state(100)).outputs
    cell.draws.begin(torch.empty(100, 64, dtype=torch.float64))
    mask = (cell.draws.uniform("h", once=True) >= 0.25).double()

    assert abs(float(mask.mean()) - 0.75) < 0.03
    for factor, found in ((mask / 0.75, trained), (1.0, evaluated)):
        h = c = torch.zeros(100, 64, dtype=torch.float64)
        for t, x_t in enumerate(x):
            a = x_t @ cell.input_weight + cell.input_bias + (factor * h) @ cell.product_weight
            i, f, o, g = a.detach().split(64, dim=-1)
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            h = sigmoid(o) * tanh(c)
            torch.testing.assert_close(found[t], h, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("cell_class", [ZoneoutLSTM, VariationalLSTM])
def test_jacobians_are_those_of_the_steps_with_what_they_drew(cell_class):
    torch.manual_seed(0)
    cell = cell_class(2, 5).double()
    x = torch.randn(6, 3, 2, dtype=torch.float64)
    with torch.no_grad():
        did = Runner("compiled").unroll(cell, x, cell.initial_state(3))
    # of the second sequence, and not from the first step on
    at_work = CellAtWork(0, "forward", cell, did)
    before = tuple(s[2:, 1] for s in at_work.states_before)
    steps = torch.arange(2, 6)
    with at_work.drawing(steps, torch.ones_like(steps)):
        found = step_jacobians(cell, x[2:, 1], before)

    for n, t in enumerate(steps.tolist()):

        def step(*state, t=t):
            with cell.draws.at(torch.tensor([1]), t=t):
                return torch.cat(cell(x[t, 1:2], state), dim=-1)

        state = tuple(s[n].unsqueeze(0) for s in before)
        reached = torch.cat([s[t, 1] for s in did.states])
        torch.testing.assert_close(step(*state)[0].detach(), reached, rtol=1e-12, atol=1e-14)
        parts = torch.autograd.functional.jacobian(step, state)
        expected = torch.cat([part[0, :, 0] for part in parts], dim=-1)
        torch.testing.assert_close(found[n], expected, rtol=1e-12, atol=1e-14)


def test_step_that_is_called_by_itself_is_told_that_it_cannot_draw():
    torch.manual_seed(0)
    cell, number = ZoneoutLSTM(2, 5), torch.zeros(3, 5)

    with pytest.raises(ContractViolation, match="call the cell, not its `step`"):
        cell.step(number, number, number, number, number, number)


class DropsWeights(PointwiseCell):
    """Draws for its weights, which belong to no sequence."""

    states = ("h",)
    preactivations = {"a": "x+h"}

    def recurrent(self, name, block):
        return block * self.uniform("weights")

    def step(self, a, h):
        return tanh(a)


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_cannot_be_drawn(backend):
    torch.manual_seed(0)
    cell = DropsWeights(2, 5)

    for _ in range(2):
        with pytest.raises(ContractViolation, match="draw in no other method"):
            Runner(backend).unroll(cell, torch.randn(4, 5, 2), cell.initial_state(5))
