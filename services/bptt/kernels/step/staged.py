"""What mixes units as one operation of a trace: products with recurrent blocks, means and sums.

While a step is traced its values are a few numbers without units, so nothing is multiplied or
added: a result stands for whatever becomes of the argument. The derivative of a product is an
operation of its own; that of a mean is the mean of what comes back, and so with sums.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

PRODUCT, PRODUCT_BACK = "product", "product_back"
"""Names of the operations: of a value with the block, and of a gradient with its transpose."""

SUMS = ("mean", "sum")
"""Names of the operations over all units; every unit is given their result."""

MIXING = (PRODUCT, PRODUCT_BACK, *SUMS)

DRAWN = ("uniform", "normal")
"""Names of the operations that draw a number for each unit."""

_LIBRARY = torch.library.Library("bptt", "FRAGMENT")


def _like(value: Tensor, application: int = 0) -> Tensor:
    return value.clone()


for _name in (PRODUCT, PRODUCT_BACK):
    _LIBRARY.define(f"{_name}(Tensor value, int application) -> Tensor")
    _LIBRARY.impl(_name, _like, "CompositeExplicitAutograd")

for _name in SUMS:
    _LIBRARY.define(f"{_name}(Tensor value) -> Tensor")
    _LIBRARY.impl(_name, _like, "CompositeExplicitAutograd")


def _anything(like: Tensor, name: int) -> Tensor:
    return torch.full_like(like, 0.5)


for _name in DRAWN:
    _LIBRARY.define(f"{_name}(Tensor like, int name) -> Tensor")
    _LIBRARY.impl(_name, _anything, "CompositeExplicitAutograd")

OPERATIONS = {f"bptt.{name}.default": name for name in MIXING}
"""What a dispatch mode calls them -> their name in a trace."""


class Applied(torch.autograd.Function):
    """One application of a block."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, block: Tensor, application: int) -> Tensor:
        """Return what stands for `value` times the block.

        Args:
            ctx: of autograd.
            value: what is multiplied.
            block: stands for the block, whose gradient is wanted in any case.
            application: how many there were before it in this step.
        """
        ctx.application = application
        result: Float[Tensor, ...] = torch.ops.bptt.product(value, application)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return what stands for the gradient times the transposed block."""
        return torch.ops.bptt.product_back(gradient, ctx.application), None, None


class OverUnits(torch.autograd.Function):
    """A mean or a sum."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, name: str) -> Tensor:
        """Return what stands for the mean or the sum of `value`, by its name among `SUMS`."""
        ctx.name = name
        result: Float[Tensor, ...] = getattr(torch.ops.bptt, name)(value)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return what stands for the same of the gradient."""
        return getattr(torch.ops.bptt, ctx.name)(gradient), None
