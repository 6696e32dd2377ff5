"""Cells whose step multiplies with a matrix, against the equations of their papers."""

import pytest
import torch
from torch import sigmoid, tanh

from bptt.kernels import Runner
from bptt.kernels.compiled.emission import source
from bptt.kernels.step.plan import plan
from bptt.kernels.step.tracing import trace
from bptt.measuring.spectrum import spectral_radius
from bptt_plugins.cells.cornn import CoRNN
from bptt_plugins.cells.gru_cho import GRUCho
from bptt_plugins.cells.lem import LEM
from bptt_plugins.cells.mgu import MGU
from bptt_plugins.cells.multiplicative_lstm import MultiplicativeLSTM
from bptt_plugins.cells.rhn import RHN
from tests.numerics import strange_cells as strange

TIME, BATCH, INPUT, HIDDEN = 7, 3, 2, 5


def make(cell_class, **options):
    torch.manual_seed(0)
    return cell_class(INPUT, HIDDEN, **options).double()


def weights_of(cell):
    """Return W, U and b by the name of what they feed, for `W @ x` as papers write it."""
    w = cell.split(cell.input_weight.detach(), cell.input_fed)
    u = {name: block.detach() for name, block in cell.recurrent_weights.items()}
    b = cell.split(cell.input_bias.detach(), cell.input_biased)
    b |= cell.split(cell.recurrent_bias.detach(), cell.state_biased)
    return {n: m.T for n, m in w.items()}, {n: m.T for n, m in u.items()}, b


def mgu(cell, w, u, b, x, h):
    f = sigmoid(w["f"] @ x + u["f"] @ h + b["f"])
    candidate = tanh(w["n"] @ x + u["n"] @ (f * h) + b["n"])
    return ((1 - f) * h + f * candidate,)


def rhn(cell, w, u, b, x, s):
    for layer in range(1, cell.depth + 1):
        if layer == 1:
            h = tanh(w["c"] @ x + u["c"] @ s + b["c"])
            t = sigmoid(w["t"] @ x + u["t"] @ s + b["t"])
        else:
            h = tanh(u[f"c{layer}"] @ s + cell.vector[f"bias_c{layer}"].detach())
            t = sigmoid(u[f"t{layer}"] @ s + cell.vector[f"bias_t{layer}"].detach())
        s = h * t + s * (1 - t)
    return (s,)


def lem(cell, w, u, b, x, y, z):
    dt = cell.dt * sigmoid(u["a"] @ y + w["a"] @ x + b["a"])
    dt_bar = cell.dt * sigmoid(u["b"] @ y + w["b"] @ x + b["b"])
    z = (1 - dt) * z + dt * tanh(u["c"] @ y + w["c"] @ x + b["c"])
    y = (1 - dt_bar) * y + dt_bar * tanh(u["d"] @ z + w["d"] @ x + b["d"])
    return y, z


def cornn(cell, w, u, b, x, y, z):
    drive = tanh(u["a"] @ y + u["z"] @ z + w["a"] @ x + b["a"])
    z = z + cell.dt * (drive - cell.gamma * y - cell.epsilon * z)
    return y + cell.dt * z, z


def multiplicative_lstm(cell, w, u, b, x, h, c):
    m = (w["mx"] @ x + b["mx"]) * (u["mh"] @ h + b["mh"])
    i, f, o, g = (w[n] @ x + u[n] @ m + b[n] for n in "ifog")
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return tanh(c) * sigmoid(o), c


CELLS = {
    "mgu": (MGU, {}, mgu),
    "rhn": (RHN, {}, rhn),
    "rhn of one layer": (RHN, {"depth": 1}, rhn),
    "rhn of ten layers": (RHN, {"depth": 10}, rhn),
    "lem": (LEM, {"dt": 0.7}, lem),
    "cornn": (CoRNN, {"dt": 0.2, "gamma": 1.5, "epsilon": 0.5}, cornn),
    "multiplicative_lstm": (MultiplicativeLSTM, {}, multiplicative_lstm),
}


@pytest.mark.parametrize("backend", ["autograd", "compiled"])
@pytest.mark.parametrize("name", CELLS)
def test_cell_computes_the_equations_of_its_paper(name, backend):
    cell_class, options, equations = CELLS[name]
    cell = make(cell_class, **options)
    x = torch.randn(TIME, BATCH, INPUT, dtype=torch.float64)
    first = tuple(torch.randn(BATCH, HIDDEN, dtype=torch.float64) for _ in cell.states)

    runner = Runner(backend)
    states = runner.unroll(cell, x, first).states

    assert runner.backend == backend
    for sequence in range(BATCH):
        state = tuple(s[sequence] for s in first)
        for t in range(TIME):
            state = equations(cell, *weights_of(cell), x[t, sequence], *state)
            for found, expected in zip(states, state, strict=True):
                torch.testing.assert_close(
                    found[t, sequence].detach(), expected, rtol=1e-12, atol=1e-13
                )


def test_forget_bias_closes_the_gate_of_every_layer_of_an_rhn():
    cell = make(RHN, depth=3, forget_bias=2.0)

    first = cell.split(cell.input_bias, cell.input_biased)["t"]
    biases = [first, cell.vector["bias_t2"], cell.vector["bias_t3"]]

    assert [bias.tolist() for bias in biases] == [[-2.0] * HIDDEN] * 3
    assert cell.vector["bias_c2"].abs().max() <= HIDDEN**-0.5


def test_options_about_recurrent_weights_hold_for_the_blocks_of_products():
    torch.manual_seed(0)
    cell = GRUCho(INPUT, 32, recurrent_init="orthogonal", spectral_radius=0.9)

    radii = {name: spectral_radius(block) for name, block in cell.recurrent_weights.items()}

    assert radii == {name: pytest.approx(0.9, rel=1e-5) for name in ("r", "z", "n")}


def test_products_of_one_operand_go_back_as_one():
    found = plan(trace(make(MultiplicativeLSTM), torch.float64))

    back = [operation for operation in found.backward if operation.applications]

    assert [len(operation.applications) for operation in back] == [4]
    # what is multiplied is made again from what is kept anyway
    assert not {a.operand for a in found.applications} & set(found.saved)


def test_step_without_products_has_one_stage_and_one_with_them_as_many_as_they_are_deep():
    def stages(cell):
        text = source(cell, trace(cell, torch.float32), torch.float32)
        return text.count("static void forward_"), text.count("static void backward_")

    assert stages(make(strange.Peephole)) == (1, 1)
    assert stages(make(GRUCho)) == (2, 2)
    assert stages(make(RHN, depth=4)) == (4, 4)


def test_blocks_are_counted_among_the_parameters_only_if_there_are_any():
    assert "product_weight" in dict(make(GRUCho).named_parameters())
    assert "product_weight" not in dict(make(strange.Peephole).named_parameters())
