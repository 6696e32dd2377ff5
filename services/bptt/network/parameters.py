"""All parameters of a run as one flat tensor; the model's are views of it."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bptt.contracts import FlatGradients, Gradients

ALIGNMENT = 16
"""Elements: equally aligned rows take the same path through the matrix library."""


class FlatParameters:
    """Moves a model's parameters into one flat tensor and gathers gradients alike."""

    def __init__(self, model: nn.Module) -> None:
        named = {n: p for n, p in model.named_parameters() if p.numel() > 0}
        self.named: dict[str, nn.Parameter] = named
        count = sum(p.numel() for p in named.values())
        first = next(iter(named.values()))
        padded = -(-count // ALIGNMENT) * ALIGNMENT
        self.count = count
        self.flat = nn.Parameter(torch.zeros(padded, dtype=first.dtype))
        self.flat.grad = torch.zeros_like(self.flat)
        self.views: dict[str, Tensor] = {}
        """Where the gradient of each parameter is."""
        places: dict[str, tuple[slice, torch.Size]] = {}
        offset = 0
        with torch.no_grad():
            for name, parameter in named.items():
                place = slice(offset, offset + parameter.numel())
                self.flat[place].copy_(parameter.flatten())
                parameter.data = self.flat.data[place].view(parameter.shape)
                self.views[name] = self.flat.grad[place].view(parameter.shape)
                places[name] = (place, parameter.shape)
                offset += parameter.numel()
        self.gradients = FlatGradients(self.flat.grad[:count], places)
        """The gradients that the optimiser reads."""
        self.values = FlatGradients(self.flat.data[:count], places)
        """The parameters themselves, without a graph."""

    def set_gradients(self, gradients: Gradients) -> None:
        """Copy the gradients to where the optimiser reads them."""
        if gradients is self.gradients:
            return
        if isinstance(gradients, FlatGradients):
            self.gradients.flat.copy_(gradients.flat)
            return
        torch._foreach_copy_(list(self.views.values()), [gradients[n] for n in self.views])

    def detached(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors that do not change with the parameters or gradients they are views of."""
        if not tensors:
            return {}
        own = {
            self.flat.untyped_storage().data_ptr(),
            self.gradients.flat.untyped_storage().data_ptr(),
        }
        return {
            name: tensor.clone() if tensor.untyped_storage().data_ptr() in own else tensor
            for name, tensor in tensors.items()
        }


def is_finite(values: Tensor) -> bool:
    """Say whether no element is NaN or infinite."""
    # a finite sum has finite terms, and is the cheapest check
    return math.isfinite(values.detach().sum().item()) or bool(values.isfinite().all())
