"""Quasi-recurrent network: convolutions over time, and a memory that pools them."""

from typing import Annotated, Any, Literal

import torch
from torch import Tensor, lerp, sigmoid, tanh

from bptt.contracts import Ge, Le, PointwiseCell

GATES = {"f": "fz", "fo": "fzo", "ifo": "fzoi"}
"""What is convolved, by the kind of pooling; z is what is written."""


class QRNN(PointwiseCell):
    """c = f c + (1 - f) z, h = o c: z = tanh(W * x), f, o = sigma(W * x) of the last inputs alone.

    Bradbury, Merity, Xiong & Socher 2017 (arXiv 1611.01576), section 2, with `window` inputs in
    every convolution, W_0 x_t + W_1 x_{t-1} + ..., zeros before the first. A step sees one input,
    so what earlier ones add is carried in states: `f1` is W_1 x + `f2` of the step before. Each W
    has a bias, of which the first is drawn and the others begin as 0; the paper has none
    (`biases: 0`). In the authors' code f writes. Zoneout is left out. Weights are drawn as torch
    draws them.

    Args:
        pooling: `f`: h = f h + (1 - f) z; `fo`; `ifo`: c = f c + i z with a gate i of its own.
        window: inputs that a convolution sees.
    """

    states = ("h", "c")
    preactivations = {"f": "x", "z": "x", "o": "x"}
    gates = {"f": "keep", "o": "read"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        pooling: Literal["f", "fo", "ifo"] = "fo",
        window: Annotated[int, Ge(1), Le(16)] = 2,
        **framework: Any,
    ) -> None:
        self.pooling, self.window = pooling, window
        lagged = [(name, lag) for name in GATES[pooling] for lag in range(1, window)]
        roles = {"f": "keep", "o": "read", "i": "write"}
        self.declare(
            states=("h",) + ("c",) * (pooling != "f") + tuple(f"{n}{lag}" for n, lag in lagged),
            preactivations=dict.fromkeys(GATES[pooling], "x")
            | {f"{name}_of_{lag}": "x" for name, lag in lagged},
            gates={name: role for name, role in roles.items() if name in GATES[pooling]},
        )
        super().__init__(input_size, hidden_size, **framework)

    def step(self, h: Tensor, **named: Tensor) -> tuple[Tensor, ...]:
        past, made = {}, {}
        for name in GATES[self.pooling]:
            made[name] = named[name] + named[f"{name}1"] if self.window > 1 else named[name]
            for lag in range(1, self.window):
                past[f"{name}{lag}"] = named[f"{name}_of_{lag}"]
                if lag + 1 < self.window:
                    past[f"{name}{lag}"] = past[f"{name}{lag}"] + named[f"{name}{lag + 1}"]
        f, z = self.gate("f", sigmoid(made["f"])), tanh(made["z"])
        if self.pooling == "f":
            return lerp(z, h, f), *past.values()
        c = named["c"]
        if self.pooling == "ifo":
            c = f * c + self.gate("i", sigmoid(made["i"])) * z
        else:
            c = lerp(z, c, f)
        return self.gate("o", sigmoid(made["o"])) * c, c, *past.values()

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        with torch.no_grad():
            for name, bias in self.split(self.input_bias, self.input_biased).items():
                if "_of_" in name:
                    bias.zero_()
