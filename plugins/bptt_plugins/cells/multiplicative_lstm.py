"""Multiplicative long short-term memory."""

from torch import Tensor, sigmoid, tanh

from bptt.contracts import PointwiseCell


class MultiplicativeLSTM(PointwiseCell):
    """An LSTM that reads m = (W_mx x) (W_mh h) in place of h: its transition hangs on the input.

    Krause, Lu, Murray & Renals 2016 (arXiv 1609.07959), equations 16-22. With biases m is
    (W_mx x + b) (W_mh h + b'), of which the paper's is a special case; `biases: 0` has none at all.
    """

    states = ("h", "c")
    preactivations = {"mx": "x", "mh": "h", "i": "x", "f": "x", "o": "x", "g": "x"}
    products = ("i", "f", "o", "g")
    gates = {"f": "keep", "i": "write", "o": "read"}

    def step(
        self,
        mx: Tensor,
        mh: Tensor,
        i: Tensor,
        f: Tensor,
        o: Tensor,
        g: Tensor,
        h: Tensor,
        c: Tensor,
    ) -> tuple[Tensor, Tensor]:
        m = mx * mh
        i, f = i + self.product("i", m), f + self.product("f", m)
        o, g = o + self.product("o", m), g + self.product("g", m)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c
