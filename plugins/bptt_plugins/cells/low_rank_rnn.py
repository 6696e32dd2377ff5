"""Firing-rate network whose recurrent matrix has a low rank."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor, tanh

from bptt.contracts import Ge, Gt, Le, PointwiseCell


class LowRankRNN(PointwiseCell):
    """v = (1 - alpha) v + alpha (J r + W x + b), r = tanh(v), J = sum of m n^T / hidden.

    Mastrogiuseppe & Ostojic 2018 (arXiv 1711.09672), equations 1 to 3 in discrete time, of any
    rank; their random part of J, which does not learn, is left out, as by those who train such
    networks (Dubreuil et al. 2022, doi 10.1038/s41593-022-01088-4). J is never made: a step takes
    2 `rank` operations per unit. Elements of m and n have variance 1. An eigenvalue of J with m
    alone is their overlap n m / hidden: below 1 activity dies out, above it stays.

    Args:
        rank: pairs of vectors m and n.
        alpha: share of the potential that is renewed in a step.
        overlap: of m and n of each pair at first; without it that of random vectors, near 0.
    """

    states = ("r", "v")
    preactivations = {"a": "x"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        rank: Annotated[int, Ge(1), Le(64)] = 1,
        alpha: Annotated[float, Gt(0), Le(1)] = 0.2,
        overlap: Annotated[float, Ge(-100), Le(100)] | None = None,
        **framework: Any,
    ) -> None:
        if rank > hidden_size:
            raise ValueError(f"rank must be at most hidden_size = {hidden_size}, got {rank}")
        self.rank, self.overlap = rank, overlap
        # of variance 1
        bounds = (-(3**0.5), 3**0.5)
        names = [f"{side}{pair}" for pair in range(1, rank + 1) for side in "mn"]
        self.declare(vectors=dict.fromkeys(names, bounds))
        super().__init__(input_size, hidden_size, **framework)
        self.alpha = alpha

    def step(self, a: Tensor, r: Tensor, v: Tensor, **pairs: Tensor) -> tuple[Tensor, Tensor]:
        for pair in range(1, self.rank + 1):
            a = a + pairs[f"m{pair}"] * self.mean(pairs[f"n{pair}"] * r)
        v = v + self.alpha * (a - v)
        return tanh(v), v

    @property
    def recurrent_weights(self) -> Mapping[str, Tensor]:
        m, n = (
            torch.stack([self.vector[f"{side}{pair}"] for pair in range(1, self.rank + 1)])
            for side in "mn"
        )
        # its rows are the columns of J, as in every block
        return {"a": n.mT @ m / self.hidden_size}

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        if self.overlap is None:
            return
        with torch.no_grad():
            for pair in range(1, self.rank + 1):
                m, n = self.vector[f"m{pair}"], self.vector[f"n{pair}"]
                n.add_(m * (self.overlap * self.hidden_size - n @ m) / (m @ m))
