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

# tensors, because an operation on a number creates one each time
ONE, ZERO = torch.tensor([1.0, 0.0], dtype=torch.float64)


class Value(Clipper):
    """Clamp every element of every gradient to [-clip_value, clip_value]. Mikolov 2012.

    This changes the direction; the same as `torch.nn.utils.clip_grad_value_`.

    Args:
        clip_value: largest magnitude of an element left untouched.
    """

    def __init__(self, *, clip_value: Annotated[float, Gt(0)] = 1.0) -> None:
        self.clip_value = clip_value
        self.threshold = torch.tensor(clip_value, dtype=torch.float64)

    def clip(
        self, gradients: Gradients, parameters: Gradients, state: ClipperState
    ) -> tuple[Gradients, ClipperState, ClipReport]:
        norm = joint_norm(gradients)
        clipped = elementwise(gradients, lambda g: g.clamp(-self.clip_value, self.clip_value))
        after = joint_norm(clipped)
        scale = torch.where(norm > ZERO, after / norm, ONE)
        joint = side_by_side(gradients)
        # a number, unlike a tensor, is compared in the type of the gradients, as `clamp` does;
        # without elements there is no largest one
        changed = joint.abs().amax() > self.clip_value if len(joint) else norm > ZERO
        return clipped, state, ClipReport(norm, after, scale, changed, self.threshold)
