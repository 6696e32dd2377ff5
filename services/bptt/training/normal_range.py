"""Where products of gradients and factors are what their arithmetic says, in their type."""

import math

import torch

LOST = 1e8
"""How many times longer than the smallest normal number a vector must be for each element, so that
elements flushed to zero change its norm by no more than rounding does."""

LARGEST = 1e140
"""Norm whose square is a float64."""


class NormalRange:
    """Norms and factors with which nothing is flushed to zero or overflows.

    Args:
        dtype: of the gradients.
        count: how many elements they have.
    """

    def __init__(self, dtype: torch.dtype, count: int) -> None:
        self._tiny = torch.finfo(dtype).tiny
        self._least = LOST * self._tiny * math.sqrt(count)

    def holds_norm(self, norm: float) -> bool:
        """Say whether gradients of this length have lost nothing that it counts."""
        return self._least < norm < LARGEST

    def holds_product(self, norm: float, scale: float) -> bool:
        """Say whether gradients of this length times a factor are norm * scale long."""
        return scale == 1 or norm == 0 or (scale >= self._tiny and norm * scale > self._least)
