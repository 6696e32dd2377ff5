"""Gated recurrent unit of Chung et al. 2014."""

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell


class GRUChung(PointwiseCell):
    """Like `gru_cho` with z reversed: h = (1 - z) h + z n, z writes. Chung 2014, equation 5."""

    states = ("h",)
    preactivations = {"r": "x+h", "z": "x+h", "n": "x"}
    products = ("n",)
    gates = {"z": "write", "r": "reset"}

    def step(self, r: Tensor, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        n = tanh(n + self.product("n", sigmoid(r) * h))
        return h + sigmoid(z) * (n - h)
