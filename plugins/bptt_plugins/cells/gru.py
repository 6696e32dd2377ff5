"""Gated recurrent unit, as torch and cuDNN compute it."""

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell


class GRU(PointwiseCell):
    """n = tanh(W x + r (U h + b)), h = (1 - z) n + z h: reset after the matrix product.

    Cho 2014 in cuDNN's variant (Keras: `reset_after=True`). It is a different function from
    `gru_cho` and `gru_chung`, which reset the state before the product.
    """

    states = ("h",)
    preactivations = {"r": "x+h", "z": "x+h", "n_state": "h", "n_input": "x"}
    gates = {"z": "keep", "r": "reset"}

    def step(self, r: Tensor, z: Tensor, n_state: Tensor, n_input: Tensor, h: Tensor) -> Tensor:
        n = tanh(n_input + sigmoid(r) * n_state)
        return n + sigmoid(z) * (h - n)
