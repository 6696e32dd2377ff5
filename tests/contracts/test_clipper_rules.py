"""Each rule for clippers, broken by a clipper that keeps all the others."""

import re

import pytest
import torch

from bptt.conformance import check_clipper
from bptt.contracts import Clipper, ClipReport, FlatGradients, joint_norm
from bptt.errors import ContractViolation


class Bounded(Clipper):
    """Global norm of at most 1, in parts that the broken ones replace."""

    def initial_state(self, parameters):
        return {"count": torch.zeros((), dtype=torch.int64)}

    def clip(self, gradients, parameters, state):
        norm = self.norm(gradients)
        scale = self.scale(norm, state)
        clipped = {name: g * scale.to(g.dtype) for name, g in gradients.items()}
        report = ClipReport(norm, norm * scale, scale, scale < 1, torch.ones_like(norm))
        return clipped, {"count": state["count"] + 1}, report

    def norm(self, gradients):
        return joint_norm(gradients)

    def scale(self, norm, state):
        return torch.where(norm > 1, 1 / norm, 1.0)


class Reported(Bounded):
    """Replaces fields of the report."""

    def clip(self, gradients, parameters, state):
        clipped, state, report = super().clip(gradients, parameters, state)
        return clipped, state, self.report(report)


class StateIsNoTensor(Bounded):
    def initial_state(self, parameters):
        return {"count": 0}


class ForgetsState(Bounded):
    def clip(self, gradients, parameters, state):
        clipped, _, report = super().clip(gradients, parameters, state)
        return clipped, {}, report


class StateChangesType(Bounded):
    def clip(self, gradients, parameters, state):
        clipped, state, report = super().clip(gradients, parameters, state)
        return clipped, {"count": state["count"] / 2}, report


class ReturnsGradientsAlone(Bounded):
    def clip(self, gradients, parameters, state):
        return gradients


class ReturnsNoReport(Bounded):
    def clip(self, gradients, parameters, state):
        clipped, state, report = super().clip(gradients, parameters, state)
        return clipped, state, tuple(report)


class LosesGradient(Bounded):
    def clip(self, gradients, parameters, state):
        clipped, state, report = super().clip(gradients, parameters, state)
        return {"weight": clipped["weight"]}, state, report


class Widens(Bounded):
    def clip(self, gradients, parameters, state):
        clipped, state, report = super().clip(gradients, parameters, state)
        return {name: g.double() for name, g in clipped.items()}, state, report


class Flattens(Bounded):
    def clip(self, gradients, parameters, state):
        clipped, state, report = super().clip(gradients, parameters, state)
        return {name: g.flatten() for name, g in clipped.items()}, state, report


class ScalesInPlace(Bounded):
    def clip(self, gradients, parameters, state):
        for g in gradients.values():
            g.mul_(0.5)
        return super().clip(gradients, parameters, state)


class WritesParameters(Bounded):
    def clip(self, gradients, parameters, state):
        parameters["bias"].zero_()
        return super().clip(gradients, parameters, state)


class WritesState(Bounded):
    def clip(self, gradients, parameters, state):
        state["count"].add_(1)
        return super().clip(gradients, parameters, state)


class RemembersInSelf(Bounded):
    calls = 1

    def scale(self, norm, state):
        self.calls += 1
        return torch.where(norm > 1, 1 / norm, 1.0) / self.calls


class UnderflowsInFloat32(Bounded):
    def norm(self, gradients):
        flat = torch.cat([g.flatten() for g in gradients.values()])
        return flat.square().sum().sqrt().double()


class OverflowsInFloat32(Bounded):
    def norm(self, gradients):
        flat = torch.cat([g.flatten() for g in gradients.values()])
        return (flat * 1e20).square().sum().sqrt().double() / 1e20


class DividesByZero(Bounded):
    def scale(self, norm, state):
        return torch.minimum(torch.ones_like(norm), norm.square()) / norm


class RaisesZero(Bounded):
    def clip(self, gradients, parameters, state):
        zero = self.norm(gradients) == 0
        pushed = {name: torch.where(zero, 1e-3, g).to(g.dtype) for name, g in gradients.items()}
        return super().clip(pushed, parameters, state)


class MissesZero(Reported):
    def report(self, report):
        return report._replace(clipped=report.scale <= 1)


class NormInFloat32(Reported):
    def report(self, report):
        return report._replace(grad_norm=report.grad_norm.float())


class ReportsNumber(Reported):
    def report(self, report):
        return report._replace(threshold=1.0)


class ReportsNanThreshold(Reported):
    def report(self, report):
        return report._replace(threshold=report.threshold * torch.nan)


class ReportsClippedNormBefore(Reported):
    def report(self, report):
        return report._replace(grad_norm=report.clipped_grad_norm)


class ReportsNormBeforeAsClipped(Reported):
    def report(self, report):
        return report._replace(clipped_grad_norm=report.grad_norm)


class ReportsScaleOfOne(Reported):
    def report(self, report):
        return report._replace(scale=torch.ones_like(report.scale))


class DeniesClipping(Reported):
    def report(self, report):
        return report._replace(clipped=torch.zeros_like(report.clipped))


class ClaimsClipping(Reported):
    def report(self, report):
        return report._replace(clipped=report.grad_norm > 1e-10)


class FailsOnSecondStep(Bounded):
    def scale(self, norm, state):
        return (
            super().scale(norm, state) * torch.tensor([1.0, torch.nan])[state["count"].clamp(max=1)]
        )


class KnowsItsFirstState(Bounded):
    def initial_state(self, parameters):
        self.first = super().initial_state(parameters)
        return self.first

    def scale(self, norm, state):
        known = state["count"] is self.first["count"]
        return super().scale(norm, state) * (1.0 if known else 0.5)


class BranchesOnValue(Bounded):
    def scale(self, norm, state):
        return 1 / norm if norm > 1 else torch.ones_like(norm)


class TellsRunsApart(Bounded):
    def scale(self, norm, state):
        packed = torch._C._functorch.is_batchedtensor(norm)
        return super().scale(norm, state) * (0.5 if packed else 1.0)


class ReportsRunsApart(Reported):
    def report(self, report):
        packed = torch._C._functorch.is_batchedtensor(report.scale)
        return report._replace(threshold=report.threshold * (2.0 if packed else 1.0))


class TellsSideBySideApart(Bounded):
    def clip(self, gradients, parameters, state):
        lengthens = isinstance(parameters, FlatGradients)
        self.bound = 2.0 if lengthens else 1.0
        return super().clip(gradients, parameters, state)

    def scale(self, norm, state):
        return torch.where(norm > self.bound, self.bound / norm, 1.0)


FAULTS = {
    StateIsNoTensor: "initial_state must return a mapping from names to tensors.",
    ForgetsState: "clip must return the state under the names they came with.",
    StateChangesType: "state 'count' of StateChangesType.clip must be torch.int64, got",
    ReturnsGradientsAlone: "clip must return (gradients, state, report), got dict.",
    ReturnsNoReport: "clip must return a ClipReport as third value.",
    LosesGradient: "clip must return the gradients under the names they came with.",
    Widens: "gradients 'weight' of Widens.clip must be torch.float32, got torch.float64.",
    Flattens: "gradients 'weight' of Flattens.clip must have the shape (4, 3), got (12,).",
    ScalesInPlace: "must not change its arguments: it writes into 'bias' of the gradients",
    WritesParameters: "must not change its arguments: it writes into 'bias' of the parameters",
    WritesState: "must not change its arguments: it writes into 'count' of the state (",
    RemembersInSelf: "clip must be pure: two equal calls differ.",
    UnderflowsInFloat32: "grad_norm in UnderflowsInFloat32's report must be 3.70397e-30, got 0.",
    OverflowsInFloat32: "must return finite values for finite gradients; it does not at a joint",
    DividesByZero: "it does not at a joint norm of 0.",
    RaisesZero: "grad_norm in RaisesZero's report must be 0, got 0.00412311.",
    MissesZero: "changed no gradient and reports that it did.",
    NormInFloat32: "grad_norm in NormInFloat32's report must be torch.float64, got torch.float32.",
    ReportsNumber: "threshold in ReportsNumber's report must be a tensor, got float.",
    ReportsNanThreshold: "The threshold ReportsNanThreshold.clip reports is NaN.",
    ReportsClippedNormBefore: "grad_norm in ReportsClippedNormBefore's report must be",
    ReportsNormBeforeAsClipped: "clipped_grad_norm in ReportsNormBeforeAsClipped's report must be",
    ReportsScaleOfOne: "scale in ReportsScaleOfOne's report must be",
    DeniesClipping: "changed a gradient and reports that it did not.",
    ClaimsClipping: "changed no gradient and reports that it did.",
    FailsOnSecondStep: "must return finite values for finite gradients",
    TellsSideBySideApart: "clip differs for gradients that lie side by side in one vector.",
    KnowsItsFirstState: "clip differs after its state was saved and loaded.",
    BranchesOnValue: "clip under torch.func.vmap (does it branch on a value?) raised RuntimeError",
    TellsRunsApart: "clip of many runs by torch.func.vmap differs from each alone.",
    ReportsRunsApart: "report of many runs by torch.func.vmap differs from each alone.",
}


def test_clipper_the_broken_ones_derive_from_keeps_every_rule():
    check_clipper(Bounded)


@pytest.mark.parametrize(
    ("clipper_class", "fault"), FAULTS.items(), ids=[broken.__name__ for broken in FAULTS]
)
def test_clipper_that_breaks_a_rule_is_told_which(clipper_class, fault):
    with pytest.raises(ContractViolation, match=re.escape(fault)) as raised:
        check_clipper(clipper_class)

    assert clipper_class.__name__ in str(raised.value)
    assert "\n" not in str(raised.value)
