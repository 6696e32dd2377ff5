"""What a plugin's code does besides returning its result is refused with its cause and place."""

import inspect
import random
import re

import pytest
import torch
from torch import nn
from torch.nn import functional

from bptt.conformance import check_cell, check_clipper, check_task
from bptt.contracts import PointwiseCell
from bptt.errors import ContractViolation
from tests.contracts.test_cell_rules import Plain
from tests.contracts.test_clipper_rules import Bounded
from tests.contracts.test_task_rules import First


class Layered(Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.layer = self.make(hidden_size)

    def activate(self, x_t, h):
        return self.layer(super().activate(x_t, h))  # here


class BatchNormalised(Layered):
    def make(self, size):
        return nn.BatchNorm1d(size)


class SpectrallyNormalised(Layered):
    def make(self, size):
        return nn.utils.parametrizations.spectral_norm(nn.Linear(size, size))


class DropsOut(Layered):
    def make(self, size):
        return nn.Dropout(0.3)


class NormalisedInEvaluation(Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.register_buffer("mean", torch.zeros(hidden_size), persistent=False)

    def activate(self, x_t, h):
        if not self.training:
            self.mean += 1  # here
        return super().activate(x_t, h)


class TrainsItself(Plain):
    def activate(self, x_t, h):
        new = super().activate(x_t, h)
        with torch.no_grad():
            self.linear.bias.mul_(0.9)  # here
        return new


class AveragesQuietly(Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self._mean = torch.zeros(hidden_size)

    def activate(self, x_t, h):
        self._mean = 0.9 * self._mean + 0.1 * h.detach().mean(0)
        return super().activate(x_t, h)


class GathersHistory(Plain):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.history = []

    def activate(self, x_t, h):
        self.history.append(h.detach())
        return super().activate(x_t, h)


class AddsNoise(Plain):
    def activate(self, x_t, h):
        return super().activate(x_t, h + 0.1 * torch.randn_like(h))  # here


class DrawsFromItsOwnGenerator(Plain):
    def activate(self, x_t, h):
        own = torch.Generator().manual_seed(1)
        return super().activate(x_t, h) * torch.rand(1, generator=own)  # here


class DrawsFromPython(Plain):
    def activate(self, x_t, h):
        return super().activate(x_t, h) * (1 + 0 * random.random())


class StartsAtRandom(Plain):
    def initial_state(self, batch_size):
        like = self.linear.bias
        return (torch.randn(batch_size, self.hidden_size, dtype=like.dtype),)  # here


class WritesIntoItsInput(Plain):
    def activate(self, x_t, h):
        x_t.clamp_(-1, 1)  # here
        return super().activate(x_t, h)


class WritesIntoItsStateWhenTrained(Plain):
    def activate(self, x_t, h):
        if torch.is_grad_enabled():
            h[:, 0] = 0.5  # here
        return super().activate(x_t, h)


class DecidesByTheBatch(Plain):
    def activate(self, x_t, h):
        if h.abs().max() > 100:  # here
            h = h / 10
        return super().activate(x_t, h)


class DecidesBySequence(Plain):
    def activate(self, x_t, h):
        new = super().activate(x_t, h)
        return new if new > 0 else -new  # here


class TurnsIntoNumber(Plain):
    def activate(self, x_t, h):
        return super().activate(x_t, h) * h.std().item()  # here


class Stepping(PointwiseCell):
    states = ("h",)
    preactivations = {"a": "x+h"}

    def step(self, a, h):
        return torch.tanh(a)


class StepDropsOut(Stepping):
    def step(self, a, h):
        return functional.dropout(torch.tanh(a), 0.2)  # here


class StepDecides(Stepping):
    def step(self, a, h):
        return torch.tanh(a) if a.sum() > 0 else torch.sigmoid(a)  # here


class StepDecidesByElement(Stepping):
    def step(self, a, h):
        return torch.tanh(a) if a > 0 else torch.sigmoid(a)  # here


class StepWrites(Stepping):
    def step(self, a, h):
        h += a  # here
        return torch.tanh(h)


class StepCounts(Stepping):
    calls = 0

    def step(self, a, h):
        self.calls += 1
        return torch.tanh(a)


class ClipsAtRandom(Bounded):
    def scale(self, norm, state):
        return super().scale(norm, state) * torch.rand(())  # here


class ClipsByBranch(Bounded):
    def scale(self, norm, state):
        return 1 / norm if norm > 1 else torch.ones_like(norm)  # here


class SmoothsLabelsAtRandom(First):
    def losses(self, outputs, batch):
        return super().losses(outputs + 0.01 * torch.randn_like(outputs), batch)  # here


class MeasuresARandomPart(First):
    def metrics(self, outputs, batch):
        chosen = torch.randperm(len(outputs))  # here
        return {"mse": self.losses(outputs, batch)[chosen].mean()}


class ShiftsTargets(First):
    def losses(self, outputs, batch):
        batch.targets.sub_(0.5)  # here
        return super().losses(outputs, batch)


class RoundsPredictions(First):
    def metrics(self, outputs, batch):
        outputs.round_()  # here
        return super().metrics(outputs, batch)


class MeasuresNothing(First):
    def metrics(self, outputs, batch):
        return None


FAULTS = {
    BatchNormalised: "forward changes layer.num_batches_tracked, layer.running_mean, "
    "layer.running_var of BatchNormalised in training mode",
    SpectrallyNormalised: "of SpectrallyNormalised in training mode",
    DropsOut: "forward draws random numbers",
    NormalisedInEvaluation: "changes mean of NormalisedInEvaluation in evaluation mode",
    TrainsItself: "forward changes linear.bias of TrainsItself in training mode",
    AveragesQuietly: "forward keeps something in _mean of AveragesQuietly from call to call",
    GathersHistory: "forward keeps something in history of GathersHistory from call to call",
    AddsNoise: "forward draws random numbers",
    DrawsFromItsOwnGenerator: "forward draws random numbers",
    DrawsFromPython: "forward draws from Python's random",
    StartsAtRandom: "StartsAtRandom.initial_state draws random numbers",
    WritesIntoItsInput: "forward must not change its arguments: it writes into x_t",
    WritesIntoItsStateWhenTrained: "forward must not change its arguments: it writes into 'h'",
    DecidesByTheBatch: "forward decides by the value of a tensor",
    DecidesBySequence: "decides by the value of a tensor with more than one element",
    TurnsIntoNumber: "forward decides by the value of a tensor",
    StepDropsOut: "StepDropsOut.step draws random numbers",
    StepDecides: "StepDecides.step decides by the value of a tensor",
    StepDecidesByElement: "step decides by the value of a tensor with more than one element",
    StepWrites: "StepWrites.step must not change its arguments: it writes into h",
    StepCounts: "StepCounts.step keeps something in calls of StepCounts from call to call",
    ClipsAtRandom: "ClipsAtRandom.clip draws random numbers",
    ClipsByBranch: "clip under torch.func.vmap (does it branch on a value?) raised RuntimeError",
    SmoothsLabelsAtRandom: "SmoothsLabelsAtRandom.losses in torch.float64 draws random numbers",
    MeasuresARandomPart: "MeasuresARandomPart.metrics draws random numbers",
    ShiftsTargets: "losses in torch.float64 must not change its arguments: it writes into inputs, "
    "targets",
    RoundsPredictions: "metrics must not change its arguments: it writes into outputs",
    MeasuresNothing: "metrics must return a mapping from names to tensors, got None.",
}


def check(plugin_class):
    checks = {Plain: check_cell, PointwiseCell: check_cell, Bounded: check_clipper}
    kinds = [kind for kind in checks if issubclass(plugin_class, kind)]
    (checks[kinds[0]] if kinds else check_task)(plugin_class)


def place(plugin_class):
    """Return ` (file:line)` of the line marked as the one to blame, if one is."""
    for ancestor in plugin_class.__mro__[:2]:
        lines, first = inspect.getsourcelines(ancestor)
        for number, line in enumerate(lines, first):
            if line.rstrip().endswith("# here"):
                return f" ({__file__}:{number})"
    return ""


@pytest.mark.parametrize(
    ("plugin_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_plugin_with_an_effect_is_told_its_cause_and_place(plugin_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)) as raised:
        check(plugin_class)

    assert place(plugin_class) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_place_is_marked_where_the_line_is_known():
    unmarked = {broken for broken in FAULTS if not place(broken)}

    assert unmarked == {
        AveragesQuietly,
        GathersHistory,
        DrawsFromPython,
        StepCounts,
        MeasuresNothing,
    }
