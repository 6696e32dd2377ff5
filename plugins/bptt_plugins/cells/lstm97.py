"""Long short-term memory as it was published first, without a forget gate."""

from typing import Any

from torch import Tensor, sigmoid

from bptt.contracts import PointwiseCell


class LSTM97(PointwiseCell):
    """c = c + i g(W x + U h + b), h = o (2 sigma(c) - 1), g = 4 sigma - 2: nothing is forgotten.

    Hochreiter & Schmidhuber 1997 (Neural Computation 9, pages 1735-1780), section 4 and appendix
    A.1: i and o are logistic, g lies in [-2, 2] and the output in [-1, 1]; one cell a block. Their
    derivative is truncated: what comes back to an input of a gate or of g teaches the weights that
    feed it and goes no further, so the error stays in the memory alone, which passes it on
    unchanged, dc/dc' = 1. Otherwise the derivative is whole. The paper draws weights from U(+-0.1)
    or U(+-0.2) and in some tasks begins with closed output gates, by biases of -1 and below; here
    all is drawn as torch draws it.

    Args:
        truncated: the derivative of the paper.
    """

    states = ("h", "c")
    preactivations = {"i": "x+h", "o": "x+h", "g": "x+h"}
    gates = {"i": "write", "o": "read"}

    def __init__(
        self, input_size: int, hidden_size: int, *, truncated: bool = False, **framework: Any
    ) -> None:
        self.truncated = truncated
        if truncated:
            # a product takes its operand as the step gives it, cut off from the last step
            self.declare(
                preactivations=dict.fromkeys(("i", "o", "g"), "x"), products=("i", "o", "g")
            )
        super().__init__(input_size, hidden_size, **framework)

    def step(self, i: Tensor, o: Tensor, g: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        if self.truncated:
            cut = h.detach()
            i, o = i + self.product("i", cut), o + self.product("o", cut)
            g = g + self.product("g", cut)
        i, o = self.gate("i", sigmoid(i)), self.gate("o", sigmoid(o))
        c = c + i * (4 * sigmoid(g) - 2)
        return o * (2 * sigmoid(c) - 1), c
