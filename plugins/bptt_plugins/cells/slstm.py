"""Scalar long short-term memory with exponential gates."""

from typing import Annotated, Any

import torch
from torch import Tensor, exp, maximum, sigmoid, tanh
from torch.nn.functional import softplus

from bptt.contracts import Ge, PointwiseCell


class SLSTM(PointwiseCell):
    """c = f c + i tanh(z), n = f n + i, h = o c / n, with an exponential gate i.

    sLSTM of xLSTM, Beck et al. 2024 (arXiv 2405.04517), equations 8 to 17: m keeps the exponentials
    in range and cancels in c / n, and units are mixed only within each of `heads`. The gate f is
    measured as the share of h's memory that stays, f n / n'. The paper's blocks around the cell
    (normalisation, projections, convolution) are left out.

    Args:
        heads: blocks on the diagonal of each recurrent matrix; `hidden_size` is a multiple of it.
    """

    states = ("h", "c", "n", "m")
    preactivations = {"i": "x+h", "f": "x+h", "o": "x+h", "z": "x+h"}
    gates = {"f": "keep", "o": "read"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        heads: Annotated[int, Ge(1)] = 1,
        **framework: Any,
    ) -> None:
        if hidden_size % heads:
            raise ValueError(f"heads must divide hidden_size = {hidden_size}, got {heads}")
        self.heads = heads
        super().__init__(input_size, hidden_size, **framework)

    def recurrent(self, name: str, block: Tensor) -> Tensor:
        head = torch.arange(len(block), device=block.device) * self.heads // len(block)
        return torch.where(head.unsqueeze(1) == head, block, 0.0)

    def step(
        self, i: Tensor, f: Tensor, o: Tensor, z: Tensor, h: Tensor, c: Tensor, n: Tensor, m: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        log_f = -softplus(-f)
        # before the first step nothing is remembered, whatever its f
        new_m = torch.where(n == 0, i, maximum(log_f + m, i))
        i, f = exp(i - new_m), exp((log_f + m - new_m).clamp(max=0.0))
        c, new_n = f * c + i * tanh(z), f * n + i
        kept = f * n.abs()
        self.gate("f", kept / (kept + i))
        return sigmoid(o) * c / new_n, c, new_n, new_m
