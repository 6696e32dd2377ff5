"""Long short-term memory."""

from torch import Tensor, nn, sigmoid, tanh

from bptt.contracts import PointwiseCell, TorchLayer


class LSTM(PointwiseCell):
    """c = f c + i g, h = o tanh(c). Hochreiter & Schmidhuber 1997; forget gate Gers 2000.

    The direct path of the memory is dc/dc' = diag(f); a constant forget gate f halves the
    gradient every ln 2 / -ln f steps, so `forget_bias` 1 keeps it for about 3 steps, 3 for 20.
    """

    states = ("h", "c")
    preactivations = {"i": "x+h", "f": "x+h", "o": "x+h", "g": "x+h"}
    gates = {"f": "keep", "i": "write", "o": "read"}
    torch_layer = TorchLayer(nn.LSTM, rows=("i", "f", "g", "o"))

    def step(
        self, i: Tensor, f: Tensor, o: Tensor, g: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c
