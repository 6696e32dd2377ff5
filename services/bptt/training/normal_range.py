"""The range in which products of gradients and factors are exact to rounding in their type."""

import math

import torch

LOST = 1e8
"""How many times the smallest normal number a vector's norm must be, per element, so that
elements flushed to zero change the norm by no more than rounding does."""

LARGEST = 1e140
"""The largest norm whose square fits in float64."""


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
        """Say whether gradients of this norm have lost nothing that matters to it."""
        return self._least < norm < LARGEST

    def holds_product(self, norm: float, scale: float) -> bool:
        """Say whether gradients of this norm, times a factor, have the norm norm * scale."""
        return scale == 1 or norm == 0 or (scale >= self._tiny and norm * scale > self._least)
