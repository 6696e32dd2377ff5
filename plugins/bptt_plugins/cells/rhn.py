"""Recurrent highway network."""

from typing import Annotated, Any

import torch
from torch import Tensor, sigmoid, tanh

from bptt.contracts import Ge, Le, PointwiseCell


class RHN(PointwiseCell):
    """s <- s + t (c - s) `depth` times in a step, c = tanh(R_c s + b_c), t = sigma(R_t s + b_t).

    Zilly, Srivastava, Koutnik & Schmidhuber 2017 (arXiv 1607.03474), equations 6-9 with the
    carry gate 1 - t, as in their experiments. The first of the `depth` layers reads the input, too;
    each has matrices and biases of its own. The gate t writes; the paper begins with biases of
    -2 to -4 for it, `forget_bias: 2` to 4 here.

    Args:
        depth: highway layers in a step, the paper's recurrence depth L.
    """

    states = ("s",)
    preactivations = {"c": "x+h", "t": "x+h"}
    gates = {"t": "write"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        depth: Annotated[int, Ge(1), Le(32)] = 3,
        **framework: Any,
    ) -> None:
        self.depth = depth
        deeper = tuple(f"{kind}{layer}" for layer in range(2, depth + 1) for kind in "ct")
        bound = hidden_size**-0.5
        vectors = {f"bias_{name}": (-bound, bound) for name in deeper}
        gates = {"t": "write"} | {f"t{layer}": "write" for layer in range(2, depth + 1)}
        self.declare(products=deeper, vectors=vectors, gates=gates)
        super().__init__(input_size, hidden_size, **framework)

    def step(self, c: Tensor, t: Tensor, s: Tensor, **biases: Tensor) -> Tensor:
        s = s + self.gate("t", sigmoid(t)) * (tanh(c) - s)
        for layer in range(2, self.depth + 1):
            c = self.product(f"c{layer}", s) + biases[f"bias_c{layer}"]
            t = self.product(f"t{layer}", s) + biases[f"bias_t{layer}"]
            s = s + self.gate(f"t{layer}", sigmoid(t)) * (tanh(c) - s)
        return s

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        with torch.no_grad():
            for name, bias in self.vector.items():
                if self.biases == 0:
                    bias.zero_()
                elif self.forget_bias is not None and name.startswith("bias_t"):
                    bias.copy_(self.split(self.input_bias, self.input_biased)["t"])
