"""How an output reaches past a cell in an update by hand: highway connections, and ends."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Carry:
    """y = T F + (1 - T) x with T = sigmoid(W x + b), and its way back (Srivastava 2015).

    Args:
        linear: W and b.
        views: where the gradient of every parameter goes, by its identity.
    """

    def __init__(self, linear: nn.Linear, views: Mapping[int, Tensor]) -> None:
        self._weight, self._bias = linear.weight, linear.bias
        self._to_weight, self._to_bias = views[id(linear.weight)], views[id(linear.bias)]
        self._taken = (torch.empty(0),) * 3

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return what is between x and the cell's output y, (..., width) each."""
        gate = torch.sigmoid(F.linear(x, self._weight, self._bias))
        self._taken = (x, y, gate)
        return gate * y + (1 - gate) * x

    def backward(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Fill in the gradients of W and b; return those to x, without the cell's, and to y."""
        x, y, gate = self._taken
        to_y = gradient * gate
        to_sum = to_y * (1 - gate) * (y - x)
        flat = to_sum.flatten(end_dim=-2)
        torch.mm(flat.mT, x.flatten(end_dim=-2), out=self._to_weight)
        torch.sum(flat, 0, out=self._to_bias)
        self._taken = (torch.empty(0),) * 3
        return gradient - to_y + to_sum @ self._weight, to_y


class Ends:
    """Where each direction of a sequence ends: a task that reads the last step reads there.

    Args:
        lengths: (batch,) valid steps of each sequence; None: all of them.
        both: whether the second half of the features is of a cell that ends at the first step.
    """

    def __init__(self, lengths: Tensor | None, both: bool) -> None:
        self._lengths, self._both = lengths, both

    def of(self, y: Tensor) -> Tensor:
        """Return (batch, width) of (time, batch, width)."""
        last = y[-1] if self._lengths is None else y[self._at(y)]
        if not self._both:
            return last
        half = y.shape[-1] // 2
        return torch.cat([last[:, :half], y[0, :, half:]], dim=-1)

    def add_to(self, gradient: Tensor, ends: Tensor) -> Tensor:
        """Add the gradient of what `of` returned to that of its argument, in place."""
        half = ends.shape[-1] // 2 if self._both else ends.shape[-1]
        last = gradient[..., :half]
        if self._lengths is None:
            last[-1] += ends[:, :half]
        else:
            last[self._at(last)] += ends[:, :half]
        gradient[0, :, half:] += ends[:, half:]
        return gradient

    def _at(self, y: Tensor) -> tuple[Tensor, Tensor]:
        assert self._lengths is not None
        return self._lengths - 1, torch.arange(y.shape[1])
