"""Norms of gradients, weights and updates, and how many elements vanished or overflowed."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

SMALLEST, LARGEST = 1e-140, 1e140
"""Norms whose squares are normal float64, as are those of elements 1e-13 as large."""

INTEGER_OF = {torch.float64: torch.int64, torch.float32: torch.int32}


class ElementCounts(NamedTuple):
    """How many elements of some gradients are of each kind; the rest are ordinary numbers."""

    nonfinite: int
    """NaN or infinite."""
    subnormal: int
    """Not 0, but smaller than the smallest normal number of their type (1.2e-38 in float32)."""
    zero: int
    """Exactly 0, which is also what a subnormal becomes where denormals are flushed."""


def frobenius_norm(values: Float[Tensor, "..."], kept_axes: int = 0) -> Float64[Tensor, "..."]:
    """Return the 2-norm over all but the first `kept_axes` axes, in float64.

    Where a square would under- or overflow, like that of 1e-300 or 1e300, the values are divided by
    the largest before they are squared. 0 if there are no elements.
    """
    kept = values.shape[:kept_axes]
    if values.numel() == 0:
        return torch.zeros(kept, dtype=torch.float64)
    values = values.detach().double().reshape(*kept, -1)
    plain: Tensor = torch.linalg.vector_norm(values, dim=-1)
    # within these, no digit was lost to a square that is too small or too large
    if plain.numel() > 0 and plain.min().item() > SMALLEST and plain.max().item() < LARGEST:
        return plain
    peak = values.abs().amax(-1, keepdim=True)
    scale = torch.where((peak > 0) & peak.isfinite(), peak, torch.ones_like(peak))
    norm: Tensor = scale.squeeze(-1) * torch.linalg.vector_norm(values / scale, dim=-1)
    return norm


def group_norms(
    tensors: Mapping[str, Float[Tensor, "..."]], group_of: Callable[[str], str]
) -> dict[str, float]:
    """Return the joint 2-norm of the tensors of each group, groups in order of appearance.

    Args:
        tensors: gradients or parameters by name.
        group_of: name of a tensor -> name of its group, for example its layer.
    """
    groups: dict[str, list[float]] = {}
    for name, tensor in tensors.items():
        norm = torch.linalg.vector_norm(tensor.detach(), dtype=torch.float64).item()
        if not SMALLEST < norm < LARGEST:
            norm = frobenius_norm(tensor).item()
        groups.setdefault(group_of(name), []).append(norm)
    return {group: math.hypot(*norms) for group, norms in groups.items()}


def update_ratio(before: Float[Tensor, "*axes"], after: Float[Tensor, "*axes"]) -> float:
    """Return norm(after - before) / norm(before) of parameters; infinity if all were 0 before."""
    return float(frobenius_norm(after - before) / frobenius_norm(before))


def effective_learning_rate(lr: float, grad_norm: float, clipped_grad_norm: float) -> float:
    """Return lr * clipped_grad_norm / grad_norm: the rate at which the unclipped gradient acts.

    It is `lr` for a gradient of norm 0, which no clipper changes.
    """
    if grad_norm == 0:
        return lr if clipped_grad_norm == 0 else lr * clipped_grad_norm * math.inf
    moved = lr * clipped_grad_norm
    return moved / grad_norm if moved < math.inf else lr * (clipped_grad_norm / grad_norm)


def count_elements(tensors: Mapping[str, Float[Tensor, "..."]]) -> ElementCounts:
    """Count what is not an ordinary number among float32 or float64 tensors.

    It reads the bits, because a thread that flushes denormals treats a subnormal as 0.
    """
    nonfinite = subnormal = zero = 0
    for tensor in tensors.values():
        integer = INTEGER_OF[tensor.dtype]
        limits = torch.finfo(tensor.dtype)
        infinite, normal = (
            int(torch.tensor(value, dtype=tensor.dtype).view(integer))
            for value in (torch.inf, limits.smallest_normal)
        )
        magnitude = tensor.detach().view(integer) & torch.iinfo(integer).max
        nonfinite += int((magnitude >= infinite).sum())
        zero += int((magnitude == 0).sum())
        subnormal += int(((magnitude > 0) & (magnitude < normal)).sum())
    return ElementCounts(nonfinite, subnormal, zero)
