"""Each rule for cells, broken by a cell that keeps all the others."""

import random
import re

import pytest
import torch
from torch import nn

from bptt.conformance import check_cell
from bptt.contracts import Cell
from bptt.errors import ContractViolation


class Plain(Cell):
    states = ("h",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size + hidden_size, hidden_size)

    def forward(self, x_t, state):
        return (self.activate(x_t, state[0]),)

    def activate(self, x_t, h):
        return torch.tanh(self.linear(torch.cat([x_t, h], dim=-1)))


class StatesAsList(Plain):
    states = ["h"]


class StateNamedTwice(Plain):
    states = ("h", "h")


class UnknownRole(Plain):
    gates = {"g": "open"}


class GatesAsList(Plain):
    gates = ["g"]


class SeedsItself(Plain):
    def __init__(self, input_size, hidden_size):
        torch.manual_seed(0)
        super().__init__(input_size, hidden_size)


class ForgetsItsSize(Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.input_size = None


class DrawsElsewhere(Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        nn.init.constant_(self.linear.bias, random.random())


class FailsToConstruct(Plain):
    def __init__(self, input_size, hidden_size):
        raise RuntimeError("two\nlines.")


class ReplacesParameters(Plain):
    def reset_parameters(self, horizon):
        self.linear.bias = nn.Parameter(torch.zeros(self.hidden_size))


class ResetsFromElsewhere(Plain):
    def reset_parameters(self, horizon):
        nn.init.constant_(self.linear.bias, random.random())


class ResetsToInfinity(Plain):
    def reset_parameters(self, horizon):
        nn.init.constant_(self.linear.bias, torch.inf)


class NarrowState(Plain):
    def initial_state(self, batch_size):
        return (torch.zeros(batch_size, 1),)


class ReturnsOneStateOfTwo(Plain):
    states = ("h", "c")

    def forward(self, x_t, state):
        return (self.activate(x_t, state[0]),)


class ReturnsTensor(Plain):
    def forward(self, x_t, state):
        return self.activate(x_t, state[0])


class ReturnsFloat32(Plain):
    def forward(self, x_t, state):
        return (self.activate(x_t, state[0]).float(),)


class Explodes(Plain):
    def activate(self, x_t, h):
        return super().activate(x_t, h) / 0.0


class WritesIntoItsState(Plain):
    def activate(self, x_t, h):
        new = super().activate(x_t, h)
        return h.copy_(new) if not torch.is_grad_enabled() else new


class Remembers(Plain):
    calls = 0

    def activate(self, x_t, h):
        self.calls += 1
        return super().activate(x_t, h) / self.calls


class MixesTheBatch(Plain):
    def activate(self, x_t, h):
        new = super().activate(x_t, h)
        return new - new.mean(0)


class NeedsManyRows(Plain):
    def activate(self, x_t, h):
        return super().activate(x_t, h) + 0 * h[1]


class DetachesItsState(Plain):
    def activate(self, x_t, h):
        return super().activate(x_t, h.detach()) + 0 * h


class IgnoresItsInput(Plain):
    def activate(self, x_t, h):
        return super().activate(0 * x_t, h)


class HasUnusedParameter(Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.gain = nn.Parameter(torch.ones(hidden_size))


class HasNanGradient(Plain):
    def activate(self, x_t, h):
        return super().activate(x_t, h) + torch.sqrt(0 * h)


class HidesDrawnTensor(Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.scale = torch.rand(())

    def activate(self, x_t, h):
        return self.scale * super().activate(x_t, h)


class DoesNotLoad(Plain):
    def get_extra_state(self):
        return torch.zeros(1)


class Gated(Plain):
    gates = {"g": "keep"}

    def gate_values(self, x_t, state):
        return {"g": torch.sigmoid(self.activate(x_t, state[0]))}


class KeepsItsGateToItself(Gated):
    def gate_values(self, x_t, state):
        return {}


class HasGateWithoutUnits(Gated):
    def gate_values(self, x_t, state):
        return {"g": super().gate_values(x_t, state)["g"].mean(-1)}


class HasGateBelowZero(Gated):
    def gate_values(self, x_t, state):
        return {"g": self.activate(x_t, state[0])}


class HasOblongBlock(Plain):
    @property
    def recurrent_weights(self):
        return {"a": self.linear.weight}


FAULTS = {
    StatesAsList: "states must be a tuple of different names such as ('h', 'c'), got ['h'].",
    StateNamedTwice: "states must be a tuple of different names",
    UnknownRole: "gates['g'] must be one of keep, write, read, reset, got 'open'.",
    GatesAsList: "raised AttributeError",
    SeedsItself: "must not seed torch's generator",
    ForgetsItsSize: "input_size must be 3 as constructed, got None.",
    DrawsElsewhere: "must draw its parameters from torch's generator alone",
    FailsToConstruct: "The constructor of FailsToConstruct raised RuntimeError: two lines (",
    ReplacesParameters: "reset_parameters must fill the parameters in place",
    ResetsFromElsewhere: "reset_parameters must draw from torch's generator alone.",
    ResetsToInfinity: "reset_parameters must leave finite parameters.",
    NarrowState: "'h' of NarrowState.initial_state must have the shape (4, 8), got (4, 1).",
    ReturnsOneStateOfTwo: "tuple with one tensor for each of ('h', 'c'), got a tuple of 1.",
    ReturnsTensor: "tuple with one tensor for each of ('h',), got a tensor (4, 8).",
    ReturnsFloat32: "'h' of ReturnsFloat32.forward must be torch.float64, got torch.float32.",
    Explodes: "forward must stay finite for inputs of size 1",
    WritesIntoItsState: "forward must not change its arguments: it writes into 'h' (",
    Remembers: "forward keeps something in calls of Remembers from call to call",
    MixesTheBatch: "its result changes with the rest of the batch.",
    NeedsManyRows: "forward with a batch of 1 raised IndexError",
    DetachesItsState: "the one of the first state is zero after 6 steps.",
    IgnoresItsInput: "the one of x_0 is zero after 6 steps.",
    HasUnusedParameter: "HasUnusedParameter.gain gets no gradient: it is not used.",
    HasNanGradient: "must have finite gradients for inputs and states of size 1.",
    HidesDrawnTensor: "after its state_dict was saved and loaded: hold every drawn tensor",
    DoesNotLoad: "Saving and loading the state_dict of DoesNotLoad raised",
    KeepsItsGateToItself: "must return the gates declared in `gates` (g), got none.",
    HasGateWithoutUnits: "must have the shape (4, 8), got (4,).",
    HasGateBelowZero: "'g' of HasGateBelowZero.gate_values must lie in [0, 1], got values from -",
    HasOblongBlock: "recurrent_weights['a'] must have the shape (8, 8), got (8, 11).",
}


@pytest.mark.parametrize("cell_class", [Plain, Gated])
def test_cells_the_broken_ones_derive_from_keep_every_rule(cell_class):
    check_cell(cell_class)


@pytest.mark.parametrize(
    ("cell_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_cell_that_breaks_a_rule_is_told_which(cell_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)) as raised:
        check_cell(cell_class)

    assert cell_class.__name__ in str(raised.value)
    assert "\n" not in str(raised.value)


def test_sizes_may_be_chosen_for_cells_that_need_certain_ones():
    class Pairs(Plain):
        def __init__(self, input_size, hidden_size):
            if hidden_size % 3:
                raise ValueError("hidden_size must be a multiple of 3")
            super().__init__(input_size, hidden_size)

    check_cell(Pairs, hidden_size=6)
