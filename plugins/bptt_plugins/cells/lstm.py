"""Long short-term memory."""

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell


class LSTM(PointwiseCell):
    """c = f c + i g, h = o tanh(c). Hochreiter & Schmidhuber 1997; forget gate Gers 2000.

    The direct path of the memory is dc/dc' = diag(f); under a constant forget gate f a gradient
    falls to 1/e in -1 / ln f steps: 1.4 at torch's initial f of 0.5, 3 at `forget_bias` 1, 21 at 3.
    """

    states = ("h", "c")
    preactivations = {"i": "x+h", "f": "x+h", "o": "x+h", "g": "x+h"}
    gates = {"f": "keep", "i": "write", "o": "read"}

    def step(
        self, i: Tensor, f: Tensor, o: Tensor, g: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c
