"""A task names its loss, or writes it, and perhaps its derivative."""

import re

import pytest
import torch

from bptt.conformance import check_task
from bptt.contracts import Batch, Task
from bptt.contracts.losses import (
    class_loss_gradients,
    class_losses,
    squared_error_gradients,
    squared_errors,
)
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


class TriplesItsGradients(NamesItsLoss):
    def losses(self, outputs, batch):
        return 3 * Task.losses(self, outputs, batch)

    def loss_gradients(self, outputs, batch):
        return 3 * (outputs[:, 0] - batch.targets) ** 2, 6 * (outputs - batch.targets.unsqueeze(1))


class AsksItsBase(NamesItsLoss):
    def loss_gradients(self, outputs, batch):
        losses, gradients = super().loss_gradients(outputs, batch)
        return losses, gradients.clone()


@pytest.mark.parametrize("task_class", [TriplesItsGradients, AsksItsBase])
def test_task_may_build_on_the_loss_it_names(task_class):
    check_task(task_class)
    assert task_class().known_loss is None


def test_loss_of_one_task_alone_goes_before_the_one_it_names():
    task = NamesItsLoss()
    task.losses = lambda outputs, batch: outputs[:, 0].abs()

    assert task.known_loss is None
    batch = Batch(torch.zeros(3, 2, 1), torch.zeros(2))
    assert task.loss_gradients(torch.zeros(2, 1), batch) is None


@pytest.mark.parametrize("loss", ["crossentropy", None])
def test_task_without_a_loss_says_so(loss):
    task = NamesItsLoss()
    task.loss = loss

    with pytest.raises(ValueError, match="NamesItsLoss"):
        task.losses(torch.zeros(2, 1), Batch(torch.zeros(3, 2, 1), torch.zeros(2)))


CLASSES = torch.tensor([0, 2])


@pytest.mark.parametrize(
    ("outputs", "targets", "weights", "fault"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 3]), None, "classes 0 .. 2, got 0 .. 3"),
        (torch.zeros(2, 3), torch.tensor([0, -100]), None, "classes 0 .. 2, got -100 .. 0"),
        (
            torch.zeros(2, 3),
            CLASSES.unsqueeze(1),
            None,
            "must be (2,) for outputs of (2, 3), got (2, 1)",
        ),
        (torch.zeros(2, 3), CLASSES, (1.0, 2.0), "one for each of 3 classes, got 2"),
    ],
)
def test_classes_that_do_not_fit_are_refused(outputs, targets, weights, fault):
    for function in (class_losses, class_loss_gradients):
        with pytest.raises((ValueError, IndexError), match=re.escape(fault)):
            function(outputs, targets, weights)


def test_numbers_that_do_not_fit_are_refused():
    for outputs, targets in ((torch.zeros(2, 1), torch.zeros(2, 1)), (torch.zeros(2, 2), CLASSES)):
        for function in (squared_errors, squared_error_gradients):
            with pytest.raises(ValueError, match=r"targets must be|1 output"):
                function(outputs, targets)


def test_methods_of_a_task_go_before_the_loss_it_names():
    assert NamesItsLoss().known_loss == "squared_error"
    assert NamesOneLossAndHasAnother().known_loss is None


@pytest.mark.parametrize(
    ("task_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_task_that_breaks_a_rule_is_told_which(task_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)):
        check_task(task_class)
