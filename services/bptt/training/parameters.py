"""All parameters of a run as one flat tensor, of which the model's are views."""

import math
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
        torch._foreach_copy_(list(self._views.values()), [gradients[n] for n in self._views])

    def are_finite(self) -> bool:
        """Say whether no parameter is NaN or infinite."""
        return _sum_is_finite(self.flat) or bool(torch.isfinite(self.flat).all())

    def gradients_are_finite(self) -> bool:
        """Say whether the gradients that were set are finite; False if their sum overflows."""
        return self.flat.grad is not None and _sum_is_finite(self.flat.grad)


def _sum_is_finite(values: Tensor) -> bool:
    # a finite sum has finite terms, and is the cheapest to come by
    return math.isfinite(values.detach().sum().item())
