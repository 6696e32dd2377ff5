"""A task names its loss, or writes it, and perhaps its derivative."""

import re

import pytest

from bptt.conformance import check_task
from bptt.contracts import Task
from bptt.errors import ContractViolation
from tests.contracts.test_task_rules import First


class HasAnUnknownLoss(First):
    loss = "absolute_error"


class HasNoLoss(First):
    losses = Task.losses


class SquaresTwoOutputs(First):
    loss = "squared_error"

    def __init__(self):
        super().__init__()
        self.output_size = 2


class ForgetsTheFactor(First):
    def loss_gradients(self, outputs, batch):
        errors = outputs - batch.targets.to(outputs.dtype).unsqueeze(1)
        return errors[:, 0] ** 2, errors


class FlattensGradients(First):
    def loss_gradients(self, outputs, batch):
        errors = outputs[:, 0] - batch.targets.to(outputs.dtype)
        return errors**2, 2 * errors


FAULTS = {
    HasAnUnknownLoss: "loss must be 'cross_entropy', 'squared_error' or None, got",
    HasNoLoss: "HasNoLoss must have a `loss` that is known, or a method `losses`.",
    SquaresTwoOutputs: "output_size must be 1 for a `loss` of 'squared_error', got 2.",
    ForgetsTheFactor: "loss_gradients must return what `losses` does and its derivative",
    FlattensGradients: "FlattensGradients.loss_gradients must have the shape (6, 1), got (6,).",
}


class GivesGradients(First):
    def loss_gradients(self, outputs, batch):
        errors = outputs - batch.targets.to(outputs.dtype).unsqueeze(1)
        return errors[:, 0] ** 2, 2 * errors


class NamesItsLoss(First):
    loss = "squared_error"
    losses = Task.losses


class NamesOneLossAndHasAnother(First):
    loss = "cross_entropy"


@pytest.mark.parametrize("task_class", [GivesGradients, NamesItsLoss, NamesOneLossAndHasAnother])
def test_task_may_say_its_loss_in_several_ways(task_class):
    check_task(task_class)


def test_methods_of_a_task_go_before_the_loss_it_names():
    assert NamesItsLoss().known_loss == "squared_error"
    assert NamesOneLossAndHasAnother().known_loss is None


@pytest.mark.parametrize(
    ("task_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_task_that_breaks_a_rule_is_told_which(task_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)):
        check_task(task_class)
