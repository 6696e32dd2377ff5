"""Stackable recurrent cell."""

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell


class STAR(PointwiseCell):
    """h = tanh((1 - k) h + k z), z = tanh(W_z x + b_z), k = sigma(W_x x + W_h h + b_k).

    Turkoglu, D'Aronco, Wegner & Schindler 2021 (arXiv 1911.11033), a cell for deep stacks. The gate
    k writes, and its recurrent matrix is the only one. The authors' code begins with orthogonal
    matrices and chrono biases, `recurrent_init: orthogonal` and `forget_bias: chrono` here, and
    lets the gate that writes lag as in `janet`, which the paper does not.
    """

    states = ("h",)
    preactivations = {"k": "x+h", "z": "x"}
    gates = {"k": "write"}

    def step(self, k: Tensor, z: Tensor, h: Tensor) -> Tensor:
        return tanh(h + sigmoid(k) * (tanh(z) - h))
