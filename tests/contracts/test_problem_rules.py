"""What a task declares of its options and of its other metrics is checked."""

import re
from typing import Literal

import pytest
import torch

from bptt.conformance import check_task
from bptt.contracts import Batch
from bptt.errors import ContractViolation
from bptt_plugins.tasks.agreement import Agreement
from bptt_plugins.tasks.latch import Latch
from tests.contracts.test_task_rules import First


class HasAnotherMetric(First):
    def metrics(self, outputs, batch):
        return super().metrics(outputs, batch) | {"mae": outputs.abs().mean()}


class SaysWhichWay(HasAnotherMetric):
    directions = {"mae": "lower"}


class ImprovesSideways(HasAnotherMetric):
    directions = {"mae": "sideways"}


class NamesNoOption(First):
    training_only = frozenset({"objective"})


class Listed(First):
    training_only = ["easy"]


class DrawsOthers(First):
    training_only = frozenset({"easy"})

    def __init__(self, *, easy: bool = True):
        super().__init__()
        self.easy = easy

    def evaluation_sets(self, generator, size):
        drawn = self.sample(generator, size)
        inputs = drawn.inputs if self.easy else drawn.inputs / 2
        return {"": Batch(inputs, inputs[0, :, 0])}


class HasAnotherBaseline(First):
    training_only = frozenset({"kind"})

    def __init__(self, *, kind: Literal["first", "last"] = "first"):
        super().__init__()
        self.baseline = 1 / 12 if kind == "first" else 1 / 3


class OnlyTrainsOtherwise(First):
    training_only = frozenset({"weighted"})

    def __init__(self, *, weighted: bool = False):
        super().__init__()
        self.weighted = weighted

    def losses(self, outputs, batch):
        return super().losses(outputs, batch) * (2 if self.weighted else 1)

    def metrics(self, outputs, batch):
        return {"mse": torch.square(outputs[:, 0] - batch.targets).mean()}


FAULTS = {
    HasAnotherMetric: "metrics returns 'mae', and nothing says which way it is better: give "
    "HasAnotherMetric.directions = {'mae': 'lower'} or 'higher'.",
    ImprovesSideways: "directions must be a mapping from names of metrics to 'lower' or 'higher'",
    NamesNoOption: "training_only must name options, got 'objective'; it has none.",
    Listed: "training_only must be a frozenset of names of options, got ['easy'].",
    DrawsOthers: "training_only names 'easy', but with easy: False it evaluates other sequences",
    HasAnotherBaseline: "training_only names 'kind', but with kind: 'last' its baseline is another",
}


@pytest.mark.parametrize("task_class", [SaysWhichWay, OnlyTrainsOtherwise, Agreement, Latch])
def test_a_task_that_declares_rightly_keeps_the_rules(task_class):
    check_task(task_class)


@pytest.mark.parametrize(
    ("task_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_a_task_that_declares_wrongly_is_told_what(task_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)):
        check_task(task_class)
