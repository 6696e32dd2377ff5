"""Each further rule for pointwise cells, broken by a cell that keeps all the others."""

import re

import pytest
import torch
from torch import sigmoid, tanh

from bptt.conformance import check_cell
from bptt.contracts import PointwiseCell
from bptt.errors import ContractViolation


class Peephole(PointwiseCell):
    states = ("h", "c")
    preactivations = {"f": "x+h", "g": "x", "o": "h"}
    gates = {"f": "keep"}
    vectors = {"p": (0.1, 1.0)}

    def step(self, f, g, o, h, c, p):
        c = sigmoid(f + p * c) * c + tanh(g)
        return tanh(c + o), c


class UnknownSource(Peephole):
    preactivations = {"f": "x+h", "g": "x", "o": "c"}


class NameUsedTwice(Peephole):
    vectors = {"c": (0.1, 1.0)}


class StepLacksArgument(Peephole):
    def step(self, f, g, h, c, p):
        return h, c


class StepWantsMore(Peephole):
    def step(self, f, g, o, h, c, p, q):
        return h, c


class GateIsNoPreactivation(Peephole):
    gates = {"z": "keep"}


class ShiftsUnits(Peephole):
    def step(self, f, g, o, h, c, p):
        return super().step(f, g, o, h, c.roll(1, -1), p)


class NormalisesUnits(Peephole):
    def step(self, f, g, o, h, c, p):
        h, c = super().step(f, g, o, h, c, p)
        return h - h.mean(-1, keepdim=True), c


class SeesEarlierSteps(Peephole):
    def step(self, f, g, o, h, c, p):
        h, c = super().step(f, g, o, h, c, p)
        return (h + g.flip(0) if h.ndim > 2 else h), c


class MixesItsVector(Peephole):
    def step(self, f, g, o, h, c, p):
        return super().step(f, g, o, h, c, p + p.sum())


class ReturnsThree(Peephole):
    def step(self, f, g, o, h, c, p):
        h, c = super().step(f, g, o, h, c, p)
        return h, c, c


class StepNeedsTwoAxes(Peephole):
    def step(self, f, g, o, h, c, p):
        _batch, _hidden = h.shape
        return super().step(f, g, o, h, c, p)


class StepRounds(Peephole):
    def step(self, f, g, o, h, c, p):
        h, c = super().step(f, g, o, h, c, p)
        return h, c.float() if c.ndim > 2 else c


class VectorIsANumber(Peephole):
    vectors = {"p": 0.1}


class VectorsAreNames(Peephole):
    vectors = ("p",)


class VectorHasNoBounds(Peephole):
    vectors = {"p": (1.0, 0.1)}


class KeepsWhatItSaysItWrites(Peephole):
    gates = {"f": "write"}


class WritesWhatItSaysItKeeps(PointwiseCell):
    states = ("h",)
    preactivations = {"f": "x+h", "n": "x"}
    products = ("n",)
    gates = {"f": "keep"}

    def step(self, f, n, h):
        f = self.gate("f", torch.exp(-torch.exp(-f)))
        return (1 - f) * h + f * tanh(n + self.product("n", f * h))


class UsesAnUnknownProduct(WritesWhatItSaysItKeeps):
    def step(self, f, n, h):
        return super().step(f, n, h) + self.product("m", h)


class NeverUsesItsProduct(WritesWhatItSaysItKeeps):
    products = ("n", "m")


class NamesTwoBlocksAlike(WritesWhatItSaysItKeeps):
    products = ("n", "f")


class ProductsAreText(WritesWhatItSaysItKeeps):
    products = "n"


class NotesAnExponential(WritesWhatItSaysItKeeps):
    gates = {"f": "write"}

    def step(self, f, n, h):
        self.gate("f", torch.exp(f))
        return tanh(n + self.product("n", sigmoid(f) * h))


FAULTS = {
    KeepsWhatItSaysItWrites: "gates['f'] is 'write', but the wider it opens, the more of 'c'",
    WritesWhatItSaysItKeeps: "gates['f'] is 'keep', but the wider it opens, the less of 'h' passes",
    UsesAnUnknownProduct: "step uses the product 'm', which must be one of `products`: n.",
    NeverUsesItsProduct: "step never uses the product 'm', which is declared",
    NamesTwoBlocksAlike: "has two recurrent blocks named 'f'",
    ProductsAreText: "products must be a tuple of different names such as ('n',), got 'n'.",
    NotesAnExponential: "'f' of NotesAnExponential.gate_values must lie in [0, 1], got values from",
    VectorIsANumber: "VectorIsANumber.vectors must map each name to the bounds",
    VectorsAreNames: "VectorsAreNames.vectors must map each name to the bounds",
    VectorHasNoBounds: "got {'p': (1.0, 0.1)}.",
    UnknownSource: "preactivations['o'] must be one of x, h, x+h, got 'c'.",
    NameUsedTwice: "declares c more than once among preactivations, states and vectors.",
    StepLacksArgument: "step must take exactly what is declared, f, g, o, h, c, p; it takes f, g",
    StepWantsMore: "it takes f, g, o, h, c, p, q.",
    GateIsNoPreactivation: "GateIsNoPreactivation.gate_values raised KeyError: 'z'",
    ShiftsUnits: "step must be pointwise",
    NormalisesUnits: "step must be pointwise",
    SeesEarlierSteps: "step must be pointwise",
    MixesItsVector: "step must be pointwise",
    ReturnsThree: "step must return one tensor for each of ('h', 'c'), got a tuple of 3.",
    StepNeedsTwoAxes: "StepNeedsTwoAxes.step raised ValueError",
    StepRounds: "'c' of StepRounds.step must be torch.float64, got torch.float32.",
}


def test_cell_the_broken_ones_derive_from_keeps_every_rule():
    check_cell(Peephole, {"biases": 2, "forget_bias": 1.0})


def test_step_may_take_what_is_declared_as_keywords():
    class Keywords(Peephole):
        def step(self, **named):
            return super().step(**named)

    check_cell(Keywords)


@pytest.mark.parametrize(
    ("cell_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_pointwise_cell_that_breaks_a_rule_is_told_which(cell_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)) as raised:
        check_cell(cell_class)

    assert cell_class.__name__ in str(raised.value)


class Stepping(PointwiseCell):
    states = ("h",)
    preactivations = {"a": "x+h"}

    def step(self, a, h):
        return torch.tanh(a)


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("3", "must return one tensor, got int."),
        ("None", "must return one tensor, got None."),
        ("()", "must return one tensor, got a tuple of 0."),
        ("(a, a)", "must return one tensor, got a tuple of 2."),
        ("{'h': a}", "must return one tensor, got dict."),
        ("(3,)", "'h' of Returns.step must be a tensor, got int."),
        ("a.sum()", "'h' of Returns.step must have the shape (2, 3, 8), got ()."),
        ("a > 0", "'h' of Returns.step must be torch.float32, got torch.bool."),
        ("a.double()", "'h' of Returns.step must be torch.float32, got torch.float64."),
    ],
)
def test_step_that_returns_something_else_is_told_what(returned, told):
    class Returns(Stepping):
        def step(self, a, h):
            return eval(returned)

    with pytest.raises(ContractViolation) as raised:
        check_cell(Returns)

    assert told in str(raised.value)
    assert str(raised.value).startswith("Returns.step") or "of Returns.step" in str(raised.value)
