"""Independently recurrent network: each unit sees only its own past."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from bptt.contracts import Gt, Le, PointwiseCell

NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh}


class IndRNN(PointwiseCell):
    """h = phi(W x + u h + b), a vector u in place of a recurrent matrix.

    IndRNN, Li, Li, Cook, Zhu & Gao 2018 (arXiv 1803.04831), equation 2. Over k steps back the
    gradient of a unit that stays positive is multiplied by u^k (relu), so |u| alone decides whether
    it vanishes or explodes. For a horizon of T steps u is drawn from U(0, gain^(1/T)), as in the
    authors' code, and b is 0; W is drawn as torch draws it. They also clip |u| to gain^(1/T) after
    every update, which a cell cannot do: here only the beginning is bounded.

    Args:
        nonlinearity: phi.
        gain: most that a gradient grows over the horizon, at the beginning.
        long_memory: draw u from U(gain^(-1/T), gain^(1/T)), as the paper does in the last layer.
    """

    states = ("h",)
    preactivations = {"a": "x"}
    # drawn as places between the bounds, which hang on the horizon
    vectors = {"u": (0.0, 1.0)}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: Literal["relu", "tanh"] = "relu",
        gain: Annotated[float, Gt(1), Le(1e6)] = 2.0,
        long_memory: bool = False,
        **framework: Any,
    ) -> None:
        self.gain, self.long_memory = gain, long_memory
        super().__init__(input_size, hidden_size, **framework)
        self.nonlinearity = nonlinearity

    def step(self, a: Tensor, u: Tensor, h: Tensor) -> Tensor:
        return NONLINEARITIES[self.nonlinearity](a + u * h)

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        high = self.gain ** (1 / max(horizon, 1))
        low = 1 / high if self.long_memory else 0.0
        with torch.no_grad():
            self.vector["u"].mul_(high - low).add_(low)
            self.input_bias.zero_()
