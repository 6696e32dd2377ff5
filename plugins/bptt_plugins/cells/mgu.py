"""Minimal gated unit."""

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell


class MGU(PointwiseCell):
    """n = tanh(W x + U (f h) + b), h = (1 - f) h + f n: one gate resets and writes.

    Zhou, Wu, Zhang & Zhou 2016 (arXiv 1603.09420), equations 7-9. The paper calls f the forget
    gate; an open one writes, so `forget_bias` gives it the negative bias.
    """

    states = ("h",)
    preactivations = {"f": "x+h", "n": "x"}
    products = ("n",)
    gates = {"f": "write"}

    def step(self, f: Tensor, n: Tensor, h: Tensor) -> Tensor:
        f = sigmoid(f)
        n = tanh(n + self.product("n", f * h))
        return h + f * (n - h)
