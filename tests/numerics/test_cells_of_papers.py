"""Cells against the equations of their papers, written out for one sequence."""

import pytest
import torch
from torch import relu, sigmoid, tanh

from bptt_plugins.cells.cifg_lstm import CIFGLSTM
from bptt_plugins.cells.cornn import CoRNN
from bptt_plugins.cells.indrnn import IndRNN
from bptt_plugins.cells.janet import JANET
from bptt_plugins.cells.leaky_rnn import LeakyRNN
from bptt_plugins.cells.lem import LEM
from bptt_plugins.cells.lstm97 import LSTM97
from bptt_plugins.cells.mgu import MGU
from bptt_plugins.cells.multiplicative_lstm import MultiplicativeLSTM
from bptt_plugins.cells.nas import NAS
from bptt_plugins.cells.peephole_lstm import PeepholeLSTM
from bptt_plugins.cells.rhn import RHN
from bptt_plugins.cells.star import STAR
from bptt_plugins.cells.ugrnn import UGRNN
from tests.numerics.equations import HIDDEN, assert_computes, make


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


def peephole_lstm(cell, w, u, b, x, h, c):
    p_i, p_f, p_o = (cell.vector[name].detach() for name in ("p_i", "p_f", "p_o"))
    i = sigmoid(w["i"] @ x + u["i"] @ h + p_i * c + b["i"])
    f = sigmoid(w["f"] @ x + u["f"] @ h + p_f * c + b["f"])
    c = f * c + i * tanh(w["g"] @ x + u["g"] @ h + b["g"])
    o = sigmoid(w["o"] @ x + u["o"] @ h + p_o * c + b["o"])
    return o * tanh(c), c


def greff(cell, w, u, b, x, h, c, *last):
    variant, p = cell.variant, {n: v.detach() for n, v in cell.vector.items()}

    def gate(name, memory):
        total = w[name] @ x + u[name] @ h + b[name]
        if variant != "np":
            total = total + p[f"p_{name}"] * memory
        if variant == "fgr":
            for read, value in zip("fio", last, strict=True):
                total = total + u[f"{read}_to_{name}"] @ value
        return sigmoid(total)

    f = torch.ones(HIDDEN) if variant == "nfg" else gate("f", c)
    i = torch.ones(HIDDEN) if variant == "nig" else 1 - f if variant == "cifg" else gate("i", c)
    z = w["g"] @ x + u["g"] @ h + b["g"]
    c = i * (z if variant == "niaf" else tanh(z)) + f * c
    o = torch.ones(HIDDEN) if variant == "nog" else gate("o", c)
    y = o * (c if variant == "noaf" else tanh(c))
    return (y, c, f, i, o) if variant == "fgr" else (y, c)


def leaky_rnn(cell, w, u, b, x, r, v):
    recurrent = cell.recurrent_weight.detach().T.clone()
    if cell.exciting is not None:
        exciting = torch.arange(HIDDEN) < cell.exciting
        recurrent = recurrent.clamp(min=0) @ torch.diag(2.0 * exciting.double() - 1.0)
    if not cell.self_connections:
        recurrent.fill_diagonal_(0.0)
    v = (1 - cell.alpha) * v + cell.alpha * (recurrent @ r + w["a"] @ x + b["a"])
    return (relu(v) if cell.nonlinearity == "relu" else tanh(v)), v


def janet(cell, w, u, b, x, h):
    s = u["s"] @ h + w["s"] @ x + b["s"]
    candidate = tanh(u["c"] @ h + w["c"] @ x + b["c"])
    return (sigmoid(s) * h + (1 - sigmoid(s - cell.beta)) * candidate,)


def star(cell, w, u, b, x, h):
    k = sigmoid(w["k"] @ x + u["k"] @ h + b["k"])
    return (tanh((1 - k) * h + k * tanh(w["z"] @ x + b["z"])),)


def nas(cell, w, u, b, x, h, c):
    a, bb, d, p, q, r, s = (w[n] @ x + u[n] @ h + b[n] for n in "abdpqrs")
    product = relu((w["ex"] @ x + b["ex"]) * (u["eh"] @ h + b["eh"]))
    first = tanh(sigmoid(a) * relu(bb))
    second = tanh(sigmoid(d) + product)
    third = tanh(tanh(p) * sigmoid(q))
    fourth = sigmoid(tanh(r) + sigmoid(s))
    c = tanh(first + c) * second
    return tanh(c * tanh(third + fourth)), c


def indrnn(cell, w, u, b, x, h):
    vector = cell.vector["u"].detach()
    return ({"relu": relu, "tanh": tanh}[cell.nonlinearity](w["a"] @ x + vector * h + b["a"]),)


def ugrnn(cell, w, u, b, x, h):
    c = w["c"] @ x + u["c"] @ h + b["c"]
    g = sigmoid(w["g"] @ x + u["g"] @ h + b["g"])
    return (g * h + (1 - g) * (relu(c) if cell.nonlinearity == "relu" else tanh(c)),)


def lstm97(cell, w, u, b, x, h, c):
    net_in, net_out, net_c = (w[n] @ x + u[n] @ h + b[n] for n in ("i", "o", "g"))
    c = c + sigmoid(net_in) * (4 / (1 + torch.exp(-net_c)) - 2)
    return sigmoid(net_out) * (2 / (1 + torch.exp(-c)) - 1), c


VARIANTS = ("cifg", "nig", "nfg", "nog", "niaf", "noaf", "np", "fgr")
CELLS = {
    "mgu": (MGU, {}, mgu),
    "rhn": (RHN, {}, rhn),
    "rhn of one layer": (RHN, {"depth": 1}, rhn),
    "rhn of ten layers": (RHN, {"depth": 10}, rhn),
    "lem": (LEM, {"dt": 0.7}, lem),
    "cornn": (CoRNN, {"dt": 0.2, "gamma": 1.5, "epsilon": 0.5}, cornn),
    "multiplicative_lstm": (MultiplicativeLSTM, {}, multiplicative_lstm),
    "peephole_lstm": (PeepholeLSTM, {}, peephole_lstm),
    **{v: (CIFGLSTM, {"variant": v}, greff) for v in VARIANTS},
    "leaky_rnn": (LeakyRNN, {"nonlinearity": "tanh"}, leaky_rnn),
    "leaky_rnn of Dale": (LeakyRNN, {"excitatory": 0.6, "self_connections": False}, leaky_rnn),
    "janet": (JANET, {}, janet),
    "janet with one gate": (JANET, {"beta": 0.0}, janet),
    "star": (STAR, {}, star),
    "nas": (NAS, {}, nas),
    "indrnn": (IndRNN, {}, indrnn),
    "indrnn of tanh": (IndRNN, {"nonlinearity": "tanh", "long_memory": True}, indrnn),
    "ugrnn": (UGRNN, {}, ugrnn),
    "ugrnn of relu": (UGRNN, {"nonlinearity": "relu"}, ugrnn),
    "lstm97": (LSTM97, {}, lstm97),
    "lstm97 truncated": (LSTM97, {"truncated": True}, lstm97),
}


@pytest.mark.parametrize("backend", ["autograd", "compiled"])
@pytest.mark.parametrize("name", CELLS)
def test_cell_computes_the_equations_of_its_paper(name, backend):
    cell_class, options, equations = CELLS[name]
    assert_computes(make(cell_class, **options), equations, backend)
