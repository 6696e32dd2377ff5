"""Clipping by global norm."""

from typing import Annotated

import torch

from bptt.contracts import (
    Clipper,
    ClipperState,
    ClipReport,
    Gradients,
    Gt,
    elementwise,
    joint_norm,
)


class GlobalNorm(Clipper):
    """Rescale all gradients together when their joint norm exceeds `max_norm`.

    The direction is kept, only the length changes. Pascanu, Mikolov & Bengio 2013,
    algorithm 1; the same scale as `torch.nn.utils.clip_grad_norm_`, max_norm / (norm + 1e-6).

    Args:
        max_norm: largest joint norm left untouched.
    """

    def __init__(self, *, max_norm: Annotated[float, Gt(0)] = 1.0) -> None:
        self.max_norm = max_norm

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        norm = joint_norm(gradients)
        scale = (self.max_norm / (norm + 1e-6)).clamp(max=1.0)
        threshold = torch.full_like(norm, self.max_norm)
        report = ClipReport(norm, norm * scale, scale, scale < 1, threshold)
        return elementwise(gradients, lambda g: g * scale.to(g.dtype)), state, report
