"""Clipping by global norm."""

from typing import Annotated

import torch

from bptt.contracts import (
    Clipper,
    ClipperState,
    ClipReport,
    Gradients,
    Gt,
    joint_norm,
    rescaled,
)

# tensors, because an operation on a number creates one each time
ONE, SMALL = torch.tensor([1.0, 1e-6], dtype=torch.float64)


class GlobalNorm(Clipper):
    """Rescale all gradients together when their joint norm exceeds `max_norm`.

    The direction is kept; only the length changes. Pascanu, Mikolov & Bengio 2013,
    algorithm 1; the same scale as `torch.nn.utils.clip_grad_norm_`, max_norm / (norm + 1e-6).

    Args:
        max_norm: largest joint norm left untouched.
    """

    def __init__(self, *, max_norm: Annotated[float, Gt(0)] = 1.0) -> None:
        self.max_norm = max_norm
        self.threshold = torch.tensor(max_norm, dtype=torch.float64)

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        norm = joint_norm(gradients)
        # how torch divides a number by a tensor
        scale = torch.minimum((norm + SMALL).reciprocal() * self.threshold, ONE)
        clipped = rescaled(gradients, self.threshold, norm + SMALL)
        report = ClipReport(norm, joint_norm(clipped), scale, scale < ONE, self.threshold)
        return clipped, state, report

    def scale_of_norm(self, norm: float) -> float:
        return min(1 / (norm + 1e-6) * self.max_norm, 1.0)
