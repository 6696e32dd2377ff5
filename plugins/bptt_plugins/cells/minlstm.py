"""Minimal long short-term memory, whose gates and candidate do not see the state."""

from typing import Any, Literal

import torch
from torch import Tensor, sigmoid
from torch.nn.functional import softplus

from bptt.contracts import PointwiseCell, State
from bptt_plugins.cells.mingru import CANDIDATES


def kept_share(f: Tensor, i: Tensor) -> Tensor:
    """Return sigmoid(f) / (sigmoid(f) + sigmoid(i)), no matter how far both gates are closed."""
    # adding exp(-40) to 1 loses nothing even in float64; with torch's own 20 it would lose 2e-9
    return sigmoid(softplus(-i, threshold=40.0) - softplus(-f, threshold=40.0))


class MinLSTM(PointwiseCell):
    """h = f' h + i' g(W x + b), f' = f / (f + i), i' = i / (f + i). Feng et al. 2024 (minLSTM).

    f and i are logistic gates of the input alone; what is reported is f' and i', which sum
    to 1. The step Jacobian is diag(f'): a gradient can vanish but never explode. arXiv 2410.01201,
    section 3.2 and appendix B; run step by step, like `mingru`.

    With only `forget_bias` b, f' stays below 2/3 as long as i is one half; `chrono` gives i the
    negative bias, and then f' = sigmoid(b) as in an LSTM.

    Args:
        candidate: g, as in `mingru`.
    """

    states = ("h",)
    preactivations = {"f": "x", "i": "x", "n": "x"}
    gates = {"f": "keep", "i": "write"}

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

    def step(self, f: Tensor, i: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return torch.lerp(CANDIDATES[self.candidate](n), h, kept_share(f, i))

    def gate_values(self, x_t: Tensor, state: State) -> dict[str, Tensor]:
        values = self.preactivate(self.project_input(x_t), state[0])
        kept = kept_share(values["f"], values["i"])
        return {"f": kept, "i": 1 - kept}
