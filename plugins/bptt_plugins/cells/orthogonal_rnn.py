"""Recurrent network with an orthogonal matrix, by the exponential map."""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn, relu, sign

from bptt.contracts import PointwiseCell


class OrthogonalRNN(PointwiseCell):
    """h = modrelu(exp(A) h + T x), A skew-symmetric: the recurrent matrix stays orthogonal.

    expRNN, Lezcano-Casado & Martinez-Rubio 2019 (arXiv 1901.08428), section 4: of the stored block
    only what lies above the diagonal matters, A is that minus its transpose. modrelu(a) = sign(a)
    relu(|a| + b) (Arjovsky, Shah & Bengio 2016). As in the authors' code the input weights are
    drawn by Kaiming's rule. With `biases: 1` a bias is added to T x; the paper's is `biases: 0`.

    Args:
        skew_init: blocks of two on the diagonal of A, angles of rotations: `henaff` U(-pi, pi), or
            `cayley`, -sqrt((1 - cos u) / (1 + cos u)) with u ~ U(0, pi/2).
    """

    states = ("h",)
    preactivations = {"a": "x+h"}
    vectors = {"b": (-0.01, 0.01)}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        skew_init: Literal["henaff", "cayley"] = "cayley",
        **framework: Any,
    ) -> None:
        self.skew_init = skew_init
        super().__init__(input_size, hidden_size, **framework)
        fixed = {"recurrent_init": "uniform", "recurrent_gain": 1.0, "spectral_radius": None}
        for option, only in fixed.items():
            if getattr(self, option) != only:
                raise ValueError(
                    f"{option} does not apply to an orthogonal recurrent matrix; use skew_init"
                )

    def recurrent(self, name: str, block: Tensor) -> Tensor:
        above = block.triu(1)
        made: Tensor = torch.matrix_exp(above - above.mT)
        return made

    def step(self, a: Tensor, h: Tensor, b: Tensor) -> Tensor:
        return sign(a) * relu(a.abs() + b)

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        with torch.no_grad():
            angles = torch.empty(self.hidden_size // 2)
            if self.skew_init == "henaff":
                angles.uniform_(-math.pi, math.pi)
            else:
                u = angles.uniform_(0.0, math.pi / 2)
                angles = -((1 - u.cos()) / (1 + u.cos())).sqrt()
            (block,) = self.stored_blocks().values()
            block.zero_()
            first = torch.arange(len(angles)) * 2
            block[first, first + 1] = angles.to(block.dtype)
            if self.input_std is None:
                # of x @ W, whose rows are the inputs
                nn.init.kaiming_normal_(self.input_weight, mode="fan_out")
