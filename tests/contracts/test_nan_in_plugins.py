"""NaN where a plugin knows nothing yet is neither a change nor a difference."""

import pytest
import torch

from bptt.conformance import check_clipper, check_task
from bptt.errors import ContractViolation
from tests.contracts.test_clipper_rules import Bounded
from tests.contracts.test_task_rules import First


class DoesNotKnowYet(Bounded):
    """Holds NaN for each of three earlier norms until it was seen."""

    def initial_state(self, parameters):
        return {"seen": torch.full((3,), torch.nan, dtype=torch.float64)}

    def clip(self, gradients, parameters, state):
        state, seen = {"count": torch.zeros(())}, state["seen"]
        clipped, _, report = super().clip(gradients, parameters, state)
        return clipped, {"seen": torch.cat([seen[1:], report.grad_norm[None]])}, report


class NeverKnows(DoesNotKnowYet):
    def clip(self, gradients, parameters, state):
        clipped, _, report = super().clip(gradients, parameters, state)
        return clipped, dict(state), report


class Forgets(DoesNotKnowYet):
    def initial_state(self, parameters):
        return {"seen": torch.zeros(3, dtype=torch.float64)}

    def clip(self, gradients, parameters, state):
        clipped, after, report = super().clip(gradients, parameters, state)
        return clipped, {"seen": after["seen"] * torch.nan}, report


class WritesOverNan(DoesNotKnowYet):
    def clip(self, gradients, parameters, state):
        result = super().clip(gradients, parameters, state)
        state["seen"][0] = 1.0
        return result


@pytest.mark.parametrize("clipper_class", [DoesNotKnowYet, NeverKnows])
def test_state_of_a_clipper_may_hold_nan_for_what_it_does_not_know(clipper_class):
    check_clipper(clipper_class)


@pytest.mark.parametrize(
    ("clipper_class", "fault"),
    [
        (Forgets, "must return finite values for finite gradients"),
        (WritesOverNan, "must not change its arguments: it writes into 'seen' of the state"),
    ],
)
def test_nan_in_a_state_hides_no_fault(clipper_class, fault):
    with pytest.raises(ContractViolation, match=fault):
        check_clipper(clipper_class)


def test_task_may_mark_what_has_no_target_by_nan():
    class MarksByNan(First):
        def sample(self, generator, batch_size):
            batch = super().sample(generator, batch_size)
            batch.extra["unknown"] = torch.full((batch_size,), torch.nan)
            return batch

    check_task(MarksByNan)
