"""Real-gated linear recurrent unit."""

import math
from typing import Annotated, Any

import torch
from torch import Tensor, exp, expm1, sigmoid, sqrt
from torch.nn.functional import softplus

from bptt.contracts import Gt, Le, Lt, PointwiseCell


class RGLRU(PointwiseCell):
    """h = a h + sqrt(1 - a^2) sigma(W_i x + b_i) V x, a = sigma(L)^(c sigma(W_r x + b_r)).

    RG-LRU of Griffin, De et al. 2024 (arXiv 2402.19427), equations 1 to 4, with L their capital
    lambda: the gate r says how much of a decay that each unit learns takes place, and a, which is
    measured as what it keeps, is the step Jacobian, below 1 whatever is learnt. V is the linear
    layer before the unit in their block, and gates read what it reads; the convolution between,
    GELU and skip connection are left out. sigma(L)^c is uniform between `a_min` and `a_max` at
    first, as the paper has it (its code draws sigma(L) there); weights have variance 1/input and
    biases are 0.

    Args:
        c: exponent of the decay where r is open.
        a_min: least a of an open r at the beginning, below `a_max`.
        a_max: largest a of an open r at the beginning.
    """

    states = ("h",)
    preactivations = {"r": "x", "i": "x", "v": "x"}
    # drawn as a place between a_min and a_max
    vectors = {"decay": (0.0, 1.0)}
    gates = {"a": "keep", "i": "write"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        c: Annotated[float, Gt(0), Le(1000)] = 8.0,
        a_min: Annotated[float, Gt(0), Lt(1)] = 0.9,
        a_max: Annotated[float, Gt(0), Lt(1)] = 0.999,
        **framework: Any,
    ) -> None:
        if a_min >= a_max:
            raise ValueError(f"a_min must be below a_max = {a_max:g}, got {a_min:g}")
        if framework.get("forget_bias") is not None:
            raise ValueError("forget_bias does not apply: a has a decay of its own, use a_min")
        self.c, self.a_min, self.a_max = c, a_min, a_max
        super().__init__(input_size, hidden_size, **framework)

    def step(self, r: Tensor, i: Tensor, v: Tensor, h: Tensor, decay: Tensor) -> Tensor:
        log_a = -self.c * softplus(-decay) * sigmoid(r)
        # 1 - a^2 without its cancellation; the root of 0 has no derivative
        entering = sqrt((-expm1(2 * log_a)).clamp(min=1e-30))
        return self.gate("a", exp(log_a)) * h + entering * sigmoid(i) * v

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        with torch.no_grad():
            share = self.vector["decay"].double()
            log_a = (self.a_min + share * (self.a_max - self.a_min)).log() / self.c
            # the logit of exp(log_a)
            self.vector["decay"].copy_(log_a - (-expm1(log_a)).log())
            self.input_bias.zero_()
            if self.input_std is None:
                self.input_weight.normal_(0.0, math.sqrt(1 / self.input_size))
