"""Cells of other libraries that we do not have, against the equations of their papers."""

import re
from importlib import metadata
from pathlib import Path

import pytest
import torch
from torch import relu, sigmoid, tanh

from bptt import registry
from bptt.errors import InvalidSpec
from bptt.training import TrainingRun, train
from bptt_plugins.zoo.cells import CELLS
from tests.numerics import test_zoo
from tests.numerics.foreign_cells import foreign, values_of

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "cells-of-other-libraries.md"


def atr(w, u, v, h):
    p, q = w[0], u[0]
    return (sigmoid(p + q) * p + sigmoid(p - q) * h,)


def br(w, u, v, h):
    a, c = 1 + tanh(w[0] + u[0]), sigmoid(w[1] + u[1])
    return (c * h + (1 - c) * tanh(w[2] + a * h),)


def cfn(w, u, v, h):
    theta, eta = sigmoid(w[0] + u[0]), sigmoid(w[1] + u[1])
    return (theta * tanh(h) + eta * tanh(w[2]),)


def fastrnn(w, u, v, h):
    return (sigmoid(v["alpha"]) * tanh(w[0] + u[0]) + sigmoid(v["beta"]) * h,)


def minimalrnn(w, u, v, h):
    z = tanh(w[0])
    gate = sigmoid(u[0] + z @ v["weight_mm"].T)
    return (gate * h + (1 - gate) * z,)


def ran(w, u, v, h, c):
    i, f = sigmoid(w[1] + u[0]), sigmoid(w[2] + u[1])
    c = i * w[0] + f * c
    return tanh(c), c


def trnn(w, u, v, h):
    f = sigmoid(w[1])
    return (f * h + (1 - f) * w[0],)


def unicornn(w, u, v, y, z):
    step = 0.1 * sigmoid(v["weight_ch"])
    z = z - step * tanh(u[0] + w[0])
    return y + step * z, z


def mut3(w, u, v, h):
    z = sigmoid(w[0] + tanh(h) @ block(v, 0).T + v["bias_hh"].split(len(h.T))[0])
    r = sigmoid(w[1] + u[1])
    candidate = (r * h) @ block(v, 2).T + v["bias_hh"].split(len(h.T))[2]
    return (tanh(candidate + w[2]) * z + h * (1 - z),)


def reslstm(w, u, v, h, c):
    p_i, p_f, p_o = v["weight_ph"].chunk(3)
    i, f = sigmoid(w[0] + u[0] + p_i * c), sigmoid(w[1] + u[1] + p_f * c)
    c = f * c + i * tanh(w[2] + u[2])
    o = sigmoid(w[3] + u[3] + p_o * c)
    return o * (tanh(c) @ v["weight_proj"].T + v["x"] @ v["weight_res"].T), c


def wmclstm(w, u, v, h, c):
    def connected(gate, memory):
        weight, bias = v["weight_mh"].chunk(3)[gate], v["bias_mh"].chunk(3)[gate]
        return tanh(memory @ weight.T + bias)

    i, f = sigmoid(w[0] + u[0] + connected(0, c)), sigmoid(w[1] + u[1] + connected(1, c))
    c = f * c + i * tanh(w[2] + u[2])
    return sigmoid(w[3] + u[3] + connected(2, c)) * tanh(c), c


def block(v, number):
    """Return one of the square blocks that a state is multiplied with."""
    return v["weight_hh"].split(v["weight_hh"].shape[1])[number]


EQUATIONS = {
    "atr": atr,
    "br": br,
    "nbr": br,
    "cfn": cfn,
    "fastrnn": fastrnn,
    "minimalrnn": minimalrnn,
    "mut3": mut3,
    "ran": ran,
    "reslstm": reslstm,
    "trnn": trnn,
    "unicornn": unicornn,
    "wmclstm": wmclstm,
}


def mapped(name):
    """Return what inputs and states feed, by block, and the rest, for a step of a cell."""
    cell, x, state = foreign(name)
    v, h = values_of(cell), state[0]
    fed = x @ v["weight_ih"].T
    # the content of a RAN has no bias, and stands first
    lacking = fed.shape[1] - len(v["bias_ih"])
    fed = fed + torch.nn.functional.pad(v["bias_ih"], (lacking, 0))
    back = torch.zeros_like(h)
    if "weight_hh" in v:
        weight = v["weight_hh"]
        of_unit = h.repeat(1, len(weight) // h.shape[1])
        back = h @ weight.T if weight.dim() == 2 else of_unit * weight
        back = back + v.get("bias_hh", torch.zeros(()))
    width = h.shape[1]
    return cell, x, state, fed.split(width, dim=1), back.split(width, dim=1), v | {"x": x}


@pytest.mark.parametrize("name", EQUATIONS)
def test_verified_cell_computes_the_equations_of_its_paper(name):
    cell, x, state, w, u, v = mapped(name)

    for found, expected in zip(cell(x, state), EQUATIONS[name](w, u, v, *state), strict=True):
        torch.testing.assert_close(found.detach(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("gate", [tanh, sigmoid])
def test_fastgrnn_of_the_zoo_has_a_gate_of_tanh_in_place_of_the_papers_logistic(gate):
    cell, x, (h,) = foreign("fastgrnn")
    v = values_of(cell)
    both = x @ v["weight_ih"].T + h @ v["weight_hh"].T
    b = (v["bias_ih"] + v["bias_hh"]).chunk(2)

    z = gate(both + b[0])
    zeta, nu = sigmoid(v["zeta"]), sigmoid(v["nu"])
    expected = (zeta * (1 - z) + nu) * tanh(both + b[1]) + z * h

    difference = float((cell(x, (h,))[0] - expected).detach().abs().max())
    assert difference < 1e-12 if gate is tanh else difference > 1e-3


def test_ligru_of_the_zoo_is_the_papers_without_normalisation():
    cell, x, (h,), w, u, _ = mapped("ligru")
    found = cell(x, (h,))[0].detach()

    orders = []
    for update, candidate in ((0, 1), (1, 0)):
        z = sigmoid(w[update] + u[update])
        expected = z * h + (1 - z) * relu(w[candidate] + u[candidate])
        orders.append(float((found - expected).abs().max()))
    assert min(orders) < 1e-12


@pytest.mark.parametrize(("name", "reads"), [("mut1", 2), ("mut2", 1)])
def test_mut_of_the_zoo_maps_an_input_that_its_paper_takes_as_it_is(name, reads):
    torch.manual_seed(0)
    cell = registry.construct_cell(f"zoo.{name}", {}, 5, 5).double()
    x, h = torch.randn(2, 3, 5, dtype=torch.float64)

    def paper():
        v = values_of(cell)
        # biases begin as 0
        w = [x @ part.T for part in v["weight_ih"].chunk(3)]
        u = [h @ part.T for part in v["weight_hh"].split(5)]
        if name == "mut1":
            z, r, fed = sigmoid(w[0]), sigmoid(w[1] + u[0]), tanh(x)
        else:
            z, r, fed = sigmoid(w[0] + u[0]), sigmoid(x + u[1]), w[2]
        return tanh((r * h) @ block(v, -1).T + fed) * z + h * (1 - z)

    differs = float((cell(x, (h,))[0] - paper()).detach().abs().max())
    with torch.no_grad():
        cell.cell.weight_ih[5 * reads : 5 * reads + 5] = torch.eye(5)
    same = float((cell(x, (h,))[0] - paper()).detach().abs().max())

    assert differs > 1e-3
    assert same < 1e-12


def test_scrn_of_the_zoo_carries_on_its_output():
    cell, _, (h, c), w, u, v = mapped("scrn")
    x = v["x"]

    found = [state.detach() for state in cell(x, (h, c))]

    context = (1 - v["alpha"]) * w[0] + v["alpha"] * c
    of_context = (context @ v["weight_ch"].T + v["bias_ch"]).chunk(2, dim=1)
    hidden = sigmoid(w[1] + u[0] + of_context[0])
    output = tanh(hidden @ block(v, 1).T + v["bias_hh"].chunk(2)[1] + of_context[1])
    torch.testing.assert_close(found, [output, context], rtol=1e-12, atol=1e-13)
    assert (found[0] - hidden).abs().max() > 1e-3
    assert "cell.alpha" in dict(cell.named_parameters())


def test_every_verdict_but_unverified_has_its_test():
    tested = {*EQUATIONS, *test_zoo.OWN, "fastgrnn", "ligru", "mut1", "mut2", "scrn"}

    assert tested == {name for name, row in CELLS.items() if row.verdict != "unverified"}
    assert all(bool(row.difference) == (row.verdict == "deviates") for row in CELLS.values())


def test_page_lists_every_cell_with_its_verdict_and_its_difference():
    rows = re.findall(r"^\| `zoo\.(\w+)` \| (.+) \| (\w+) \| (.*) \|$", PAGE.read_text(), re.M)

    assert rows == [
        (name, f"{row.name} of {row.library}, {row.source}", row.verdict, row.difference)
        for name, row in CELLS.items()
    ]
    assert set(CELLS) == {
        name.removeprefix("zoo.")
        for name in registry.discover("cell")
        if registry.find("cell", name).needs_extra
    }


@pytest.mark.parametrize("version", ["0.2.6", None])
def test_another_version_of_a_library_is_refused_in_one_line(monkeypatch, version):
    def installed(library):
        if version is None:
            raise metadata.PackageNotFoundError(library)
        return version

    monkeypatch.setattr("bptt_plugins.zoo.foreign.metadata.version", installed)

    got = version or "none"
    line = rf"RANCell needs torchrecurrent 0\.2\.5, got {got}: pip install 'bptt\[zoo\]'"
    with pytest.raises(InvalidSpec, match=line):
        registry.construct_cell("zoo.ran", {}, 2, 3)


@pytest.mark.parametrize("name", ["ran", "janet", "cfc", "ltc"])
def test_run_of_the_zoo_trains_and_is_measured(make_spec, name):
    spec = make_spec(
        {"name": "latch", "length": 12},
        f"zoo.{name}",
        training={"steps": 4, "stop_when_solved": False},
        statistics={"interval": 2, "jacobian_interval": 2},
    )

    reports = list(train(run := TrainingRun(spec)))

    assert run.model.backend == "autograd"
    assert any("jacobian/0/forward" in (report.probe or {}) for report in reports)
    assert [report.step for report in reports] == [0, 1, 2, 3, 4]
