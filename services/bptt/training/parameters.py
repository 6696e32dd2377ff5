"""All parameters of a run as one flat tensor, of which the model's are views."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

ALIGNMENT = 16
"""Elements: rows of equal alignment take the same path through the matrix library."""


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
        self._views: dict[str, Tensor] = {}
        offset = 0
        with torch.no_grad():
            for name, parameter in named.items():
                place = slice(offset, offset + parameter.numel())
                self.flat[place].copy_(parameter.flatten())
                parameter.data = self.flat.data[place].view(parameter.shape)
                self._views[name] = self.flat.grad[place].view(parameter.shape)
                offset += parameter.numel()

    def set_gradients(self, gradients: Mapping[str, Tensor]) -> None:
        """Copy the gradients to where the optimiser reads them."""
        for name, view in self._views.items():
            view.copy_(gradients[name])
