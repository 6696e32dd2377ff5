"""A clipper that puts one factor on all gradients may say which, if that is all it does."""

import re

import pytest
import torch

from bptt.conformance import check_clipper
from bptt.errors import ContractViolation
from tests.contracts.test_clipper_rules import Bounded


class Stateless(Bounded):
    def initial_state(self, parameters):
        return {}

    def clip(self, gradients, parameters, state):
        clipped, _, report = super().clip(gradients, parameters, {"count": 0})
        return clipped, {}, report

    def scale_of_norm(self, norm):
        return 1 / norm if norm > 1 else 1.0


class ScalesAnotherWay(Stateless):
    def scale_of_norm(self, norm):
        return 1 / (1 + norm)


class ScalesByTensor(Stateless):
    def scale_of_norm(self, norm):
        return torch.tensor(super().scale_of_norm(norm))


class ScalesThoughItCounts(Bounded):
    def scale_of_norm(self, norm):
        return 1 / norm if norm > 1 else 1.0


FAULTS = {
    ScalesAnotherWay: "scale_of_norm must be the factor that `clip` puts on all gradients, 1 at a",
    ScalesByTensor: "ScalesByTensor.scale_of_norm must be a float, got Tensor.",
    ScalesThoughItCounts: "scale_of_norm must be None if `clip` changes the state.",
}


def test_clipper_may_say_its_factor():
    check_clipper(Stateless)


@pytest.mark.parametrize(
    ("clipper_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_clipper_that_breaks_a_rule_is_told_which(clipper_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)):
        check_clipper(clipper_class)
