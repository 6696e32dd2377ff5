"""Gradients to states as autograd alone has them, to compare statistics with."""

import torch
from torch import Tensor


def gradient_norms(loss: Tensor, states: list[Tensor]) -> Tensor:
    """Return the norm of dL/ds_t over batch and features for each state, (time,) float64."""
    found = torch.autograd.grad(loss, states)
    return torch.stack([gradient.double().norm() for gradient in found])
