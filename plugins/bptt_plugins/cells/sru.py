"""Simple recurrent unit, whose only matrices multiply the input."""

import math
from typing import Annotated, Any

import torch
from torch import Tensor, lerp, sigmoid

from bptt.contracts import Ge, Le, PointwiseCell


class SRU(PointwiseCell):
    """c = f c + (1 - f) W x, h = r c + (1 - r) W_s x, gates sigma(W' x + v c + b) see their own c.

    Lei, Zhang, Wang, Dai & Artzi 2018 (arXiv 1709.02755), equations 1 to 4: f keeps, r shows c in
    place of the input. What r lets past is x itself in the paper; here it is a linear map of it, as
    in the authors' code where layers differ in width. Initial values are theirs: W and W_s of
    variance 1/input and W_s times sqrt(1 + 2 exp(b_r)), gates with half of that variance, v from
    U(+-sqrt(3/2)), biases 0 but for b_r.

    Args:
        highway_bias: b_r at the beginning; below 0 more of the input goes past.
    """

    states = ("h", "c")
    preactivations = {"w": "x", "f": "x", "r": "x", "skip": "x"}
    vectors = {"v_f": (-math.sqrt(1.5), math.sqrt(1.5)), "v_r": (-math.sqrt(1.5), math.sqrt(1.5))}
    gates = {"f": "keep", "r": "read"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        highway_bias: Annotated[float, Ge(-100), Le(100)] = 0.0,
        **framework: Any,
    ) -> None:
        if highway_bias and framework.get("biases") == 0:
            raise ValueError("highway_bias needs a bias, got biases = 0")
        self.highway_bias = highway_bias
        super().__init__(input_size, hidden_size, **framework)

    def step(
        self,
        w: Tensor,
        f: Tensor,
        r: Tensor,
        skip: Tensor,
        h: Tensor,
        c: Tensor,
        v_f: Tensor,
        v_r: Tensor,
    ) -> tuple[Tensor, Tensor]:
        f, r = self.gate("f", sigmoid(f + v_f * c)), self.gate("r", sigmoid(r + v_r * c))
        c = lerp(w, c, f)
        return lerp(skip, c, r), c

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        with torch.no_grad():
            for name, bias in self.split(self.input_bias, self.input_biased).items():
                if name != "f" or self.forget_bias is None:
                    bias.fill_(self.highway_bias if name == "r" else 0.0)
            if self.input_std is None:
                bound = math.sqrt(3 / self.input_size)
                scales = {"w": 1.0, "skip": math.sqrt(1 + 2 * math.exp(self.highway_bias))}
                for name, block in self.split(self.input_weight, self.input_fed).items():
                    block.uniform_(-bound, bound).mul_(scales.get(name, math.sqrt(0.5)))
