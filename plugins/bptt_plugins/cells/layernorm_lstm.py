"""Long short-term memory with layer normalisation."""

from typing import Any, Literal

import torch
from torch import Tensor, rsqrt, sigmoid, tanh

from bptt.contracts import PointwiseCell

GATES = ("i", "f", "o", "g")
EPSILON = 1e-5


class LayerNormLSTM(PointwiseCell):
    """a = LN(W x + b) + LN(U h), c = f c + i tanh(a_g), h = o tanh(LN(c)): each sum normalised.

    Ba, Kiros & Hinton 2016 (arXiv 1607.06450), equations 20 to 22; the bias b is within the
    normalisation, as in the authors' code. LN(v) = gain (v - mean v) / sqrt(var v + 1e-5) + shift
    over the units, with a gain that begins at 1 and a shift that begins at 0. The two of a gate
    have one shift. `forget_bias` is the first shift of its gate, because a normalisation takes away
    what all units have in common.

    Args:
        over: whose mean and variance normalise a gate, those of the sums of all four gates, as in
            the paper, or its own.
        norm: `rms` divides by the root mean square and subtracts nothing (Zhang & Sennrich 2019,
            arXiv 1910.07467).
    """

    states = ("h", "c")
    preactivations = dict.fromkeys(GATES, "x")
    products = GATES
    vectors = {
        **{f"{of}_{name}": (1.0, 1.0) for of in ("gain_x", "gain_h") for name in GATES},
        **{f"shift_{name}": (0.0, 0.0) for name in GATES},
        "gain_c": (1.0, 1.0),
        "shift_c": (0.0, 0.0),
    }
    gates = {"f": "keep", "i": "write", "o": "read"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        over: Literal["layer", "gate"] = "layer",
        norm: Literal["layer", "rms"] = "layer",
        **framework: Any,
    ) -> None:
        self.over, self.norm = over, norm
        super().__init__(input_size, hidden_size, **framework)

    def step(
        self, i: Tensor, f: Tensor, o: Tensor, g: Tensor, h: Tensor, c: Tensor, **vectors: Tensor
    ) -> tuple[Tensor, Tensor]:
        of_x = self._normalised([i, f, o, g])
        of_h = self._normalised([self.product(name, h) for name in GATES])
        i, f, o, g = (
            vectors[f"gain_x_{name}"] * x + vectors[f"gain_h_{name}"] * u + vectors[f"shift_{name}"]
            for name, x, u in zip(GATES, of_x, of_h, strict=True)
        )
        keep, write = self.gate("f", sigmoid(f)), self.gate("i", sigmoid(i))
        c = keep * c + write * tanh(g)
        (shown,) = self._normalised([c])
        shown = vectors["gain_c"] * shown + vectors["shift_c"]
        return self.gate("o", sigmoid(o)) * tanh(shown), c

    def _normalised(self, values: list[Tensor]) -> list[Tensor]:
        """Return values of the same units, normalised together unless each gate is by itself."""
        if self.over == "gate":
            return [one for value in values for one in self._together([value])]
        return self._together(values)

    def _together(self, values: list[Tensor]) -> list[Tensor]:
        if self.norm == "layer":
            mean = self._mean(values)
            values = [value - mean for value in values]
        scale = rsqrt(self._mean([value * value for value in values]) + EPSILON)
        return [value * scale for value in values]

    def _mean(self, values: list[Tensor]) -> Tensor:
        """Return the mean over the units of all values."""
        total = values[0]
        for value in values[1:]:
            total = total + value
        return self.mean(total) if len(values) == 1 else self.mean(total) / len(values)

    def reset_parameters(self, horizon: int) -> None:
        super().reset_parameters(horizon)
        if self.forget_bias is None:
            return
        with torch.no_grad():
            inside = self.split(self.input_bias, self.input_biased)
            for name in ("f", "i") if self.forget_bias == "chrono" else ("f",):
                self.vector[f"shift_{name}"].copy_(inside[name])
                inside[name].zero_()
