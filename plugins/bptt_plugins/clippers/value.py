"""Clipping by value."""

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
    side_by_side,
)


class Value(Clipper):
    """Clamp every element of every gradient to [-clip_value, clip_value]. Mikolov 2012.

    It changes the direction; the same as `torch.nn.utils.clip_grad_value_`.

    Args:
        clip_value: largest magnitude of an element left untouched.
    """

    def __init__(self, *, clip_value: Annotated[float, Gt(0)] = 1.0) -> None:
        self.clip_value = clip_value

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        norm = joint_norm(gradients)
        clipped = elementwise(gradients, lambda g: g.clamp(-self.clip_value, self.clip_value))
        after = joint_norm(clipped)
        scale = torch.where(norm > 0, after / norm, torch.ones_like(norm))
        changed = (side_by_side(clipped) != side_by_side(gradients)).any()
        threshold = torch.full_like(norm, self.clip_value)
        return clipped, state, ClipReport(norm, after, scale, changed, threshold)
