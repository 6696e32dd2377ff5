"""Recurrent weights that a cell makes of its parameters, in an update by hand."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bptt.contracts import PointwiseCell


class MadeWeights:
    """What a kernel reads instead of the parameters, and the way of its gradients back to them.

    Args:
        cell: has a `recurrent` of its own.
        own: its weights, in the order of `kernels.compiled.call.weights`.
        gradients: where the gradient of each goes.
        views: where the gradient of every parameter goes, by its identity.
    """

    def __init__(
        self,
        cell: PointwiseCell,
        own: Sequence[Tensor],
        gradients: Sequence[Tensor],
        views: Mapping[int, Tensor],
    ) -> None:
        self._cell = cell
        stored = [cell.recurrent_weight, cell.product_weight]
        self._places = [n for n, w in enumerate(own) if any(w is s for s in stored)]
        self.weights = [w.detach() for w in own]
        """As a kernel reads them, always in the same place."""
        self.gradients = list(gradients)
        """Where a kernel writes."""
        for place in self._places:
            self.weights[place] = torch.empty_like(self.weights[place])
            self.gradients[place] = torch.empty_like(self.weights[place])
        self._parameters = [p for p in cell.parameters() if id(p) in views]
        self._views = [views[id(p)] for p in self._parameters]
        written = {id(w) for n, w in enumerate(own) if n not in self._places}
        self._is_added = [id(p) in written for p in self._parameters]
        self._made: list[Tensor] = []

    def make(self) -> None:
        """Make the weights of the parameters as they are now."""
        with torch.enable_grad():
            self._made = [w for w in self._cell.used_weights() if w is not None]
        for place, made in zip(self._places, self._made, strict=True):
            self.weights[place].copy_(made.detach())

    def give_back(self) -> None:
        """Take the gradients on from the weights to the parameters."""
        found = torch.autograd.grad(
            self._made,
            self._parameters,
            [self.gradients[place] for place in self._places],
            allow_unused=True,
            materialize_grads=True,
        )
        self._made = []
        for view, gradient, is_added in zip(self._views, found, self._is_added, strict=True):
            view.copy_(view + gradient if is_added else gradient)
