"""Minimal gated recurrent unit, whose gate and candidate do not see the state."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, sigmoid

from bptt.contracts import PointwiseCell


def positive(a: Tensor) -> Tensor:
    """Return a + 1/2 for a >= 0, otherwise sigmoid(a): Feng et al. 2024, appendix B."""
    return torch.where(a >= 0, a + 0.5, sigmoid(a))


CANDIDATES: dict[str, Callable[[Tensor], Tensor]] = {"positive": positive, "linear": lambda a: a}
"""The content that a gate writes, from its preactivation."""


class MinGRU(PointwiseCell):
    """h = (1 - z) h + z g(W x + b), z = sigmoid(W' x + b'): z writes. Feng et al. 2024 (minGRU).

    Nothing but h itself depends on h, so the step Jacobian is diag(1 - z), between 0 and 1: a
    gradient can vanish but never explode, and over k steps back it is the product of 1 - z.
    arXiv 2410.01201, section 3.1 and appendix B. The paper runs it as a parallel scan, which is
    slower on a CPU; here the steps run one after another, and the function is the same.

    Args:
        candidate: g; `positive` is a + 1/2 for a >= 0, otherwise sigmoid(a), which keeps h above 0
            as the paper's scan in log space requires; `linear` is a itself (section 3.1).
    """

    states = ("h",)
    preactivations = {"z": "x", "n": "x"}
    gates = {"z": "write"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        candidate: Literal["positive", "linear"] = "positive",
        **framework: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, **framework)
        self.candidate = candidate

    def step(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return torch.lerp(h, CANDIDATES[self.candidate](n), sigmoid(z))
