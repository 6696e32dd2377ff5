"""Clippers that mypy accepts, and mistakes that it must name: an unused `ignore` is an error."""

import torch

from bptt.contracts import (
    Clipper,
    ClipperState,
    ClipReport,
    Gradients,
    elementwise,
    joint_norm,
    rescaled,
)


class Right(Clipper):
    def __init__(self, *, max_norm: float = 1.0) -> None:
        self.max_norm = max_norm

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        norm = joint_norm(gradients)
        bound = torch.tensor(self.max_norm)
        clipped = rescaled(gradients, bound, norm)
        after = joint_norm(clipped)
        return clipped, state, ClipReport(norm, after, after / norm, after < norm, bound)

    def scale_of_norm(self, norm: float) -> float:
        return min(1.0, self.max_norm / norm)


class ReturnsItsGradientsAlone(Right):
    def clip(  # type: ignore[override]
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> Gradients:
        return elementwise(gradients, torch.sign)


class ForgetsItsReport(Right):
    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        return gradients, state  # type: ignore[return-value]


class ScalesByATensor(Right):
    def scale_of_norm(self, norm: float) -> float:
        return torch.tensor(1.0)  # type: ignore[return-value]


def make() -> None:
    Right(max_norm=2.0)
    Right(max_norm="2")  # type: ignore[arg-type]
    Right(2.0)  # type: ignore[call-arg]
    Clipper()  # type: ignore[abstract]
