"""Elman's recurrent network."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from bptt.contracts import PointwiseCell

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "identity": lambda a: a,
}


class RNN(PointwiseCell):
    """h = phi(W x + U h + b); step Jacobian diag(phi'(a)) U. Elman 1990.

    Args:
        nonlinearity: phi; `relu` with `recurrent_init: identity` is the IRNN of Le, Jaitly &
            Hinton 2015; `identity` is the linear network, whose gradient decays like the spectral
            radius of U to the power of the lag.
    """

    states = ("h",)
    preactivations = {"a": "x+h"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: Literal["tanh", "relu", "identity"] = "tanh",
        **framework: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, **framework)
        self.nonlinearity = nonlinearity

    def step(self, a: Tensor, h: Tensor) -> Tensor:
        return ACTIVATIONS[self.nonlinearity](a)
