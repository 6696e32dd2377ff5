"""Each rule for what a task says of its size, broken by a task that keeps all the others."""

import re
from dataclasses import replace

import pytest
import torch

from bptt.conformance import check_task
from bptt.contracts import Extent
from bptt.errors import ContractViolation
from tests.contracts.test_task_rules import First


class SaysSmaller(First):
    def extent(self, sequences):
        return Extent(4, sequences)


class SaysTooLarge(First):
    def extent(self, sequences):
        return Extent(500, sequences)


class SaysAnother(First):
    def extent(self, sequences):
        return Extent(5, 1)


class SaysNumber(First):
    def extent(self, sequences):
        return 5 * sequences


class SaysNoExtra(First):
    def extent(self, sequences):
        return Extent(5, sequences)

    def sample(self, generator, batch_size):
        return replace(super().sample(generator, batch_size), extra={"a": torch.ones(batch_size)})


class ForgetsSet(First):
    def extent(self, sequences):
        return Extent(5, sequences)

    def evaluation_sets(self, generator, size):
        return {"": self.sample(generator, size), "more": self.sample(generator, size)}


class ForgetsTestSet(First):
    def extent(self, sequences):
        return Extent(5, sequences)

    def test_sets(self, generator, size):
        return {"": self.sample(generator, size), "more": self.sample(generator, size)}


FAULTS = {
    SaysSmaller: "extent says 4 time steps at most, but 5 were drawn.",
    SaysTooLarge: "extent says 500 time steps, but the longest of 64 sequences has 5",
    SaysAnother: "extent says 1 sequences where 64 are drawn.",
    SaysNumber: "extent must return an Extent, got int.",
    SaysNoExtra: "extent says 0 bytes of Batch.extra, but 256 were drawn.",
    ForgetsTestSet: "must have the sets that test_sets returns, ['', 'more'], got [''].",
    ForgetsSet: "must have the sets that evaluation_sets returns, ['', 'more'], got [''].",
}


@pytest.mark.parametrize(
    ("task_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_task_that_says_another_size_than_it_draws_is_told_which(task_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)) as raised:
        check_task(task_class)

    assert task_class.__name__ in str(raised.value)
    assert "\n" not in str(raised.value)
