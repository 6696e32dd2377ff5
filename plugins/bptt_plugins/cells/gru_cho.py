"""Gated recurrent unit of Cho et al. 2014."""

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell


class GRUCho(PointwiseCell):
    """n = tanh(W x + U (r h) + b), h = z h + (1 - z) n: z keeps. Cho 2014, equations 5-8.

    The state is reset before the product, in `gru` after it.
    """

    states = ("h",)
    preactivations = {"r": "x+h", "z": "x+h", "n": "x"}
    products = ("n",)
    gates = {"z": "keep", "r": "reset"}

    def candidate(self, r: Tensor, n: Tensor, h: Tensor) -> Tensor:
        """Return what may be written, n above."""
        return tanh(n + self.product("n", sigmoid(r) * h))

    def step(self, r: Tensor, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        n = self.candidate(r, n, h)
        return n + sigmoid(z) * (h - n)
