"""The product with a recurrent block as one operation of a trace, and its derivative as another.

While a step is traced its values are a few numbers without units, so nothing is multiplied: a
result stands for whatever the block makes of the argument.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

PRODUCT, PRODUCT_BACK = "product", "product_back"
"""Names of the operations: of a value with the block, and of a gradient with its transpose."""

_LIBRARY = torch.library.Library("bptt", "FRAGMENT")


def _like(value: Tensor, application: int) -> Tensor:
    return value.clone()


for _name in (PRODUCT, PRODUCT_BACK):
    _LIBRARY.define(f"{_name}(Tensor value, int application) -> Tensor")
    _LIBRARY.impl(_name, _like, "CompositeExplicitAutograd")

OPERATIONS = {f"bptt.{name}.default": name for name in (PRODUCT, PRODUCT_BACK)}
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
