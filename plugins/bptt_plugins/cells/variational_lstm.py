"""Long short-term memory with one dropout mask a sequence on its recurrent connections."""

from typing import Annotated, Any

from torch import Tensor, sigmoid, tanh, where

from bptt.contracts import Ge, Lt, PointwiseCell

GATES = ("i", "f", "o", "g")


class VariationalLSTM(PointwiseCell):
    """LSTM(x, m h / (1 - p)) with a mask m that leaves a unit out of all steps of a sequence.

    Gal & Ghahramani 2016 (arXiv 1512.05287), section 4, with tied weights: one mask of the
    recurrent connections for all gates. Masks of the inputs and of the output, which the paper has,
    too, are left out. An evaluation takes the whole state, which is what masks leave on average. If
    a task reads a text window by window, each window has a mask of its own.

    Args:
        dropout: p, the probability that a unit is left out.
    """

    states = ("h", "c")
    preactivations = dict.fromkeys(GATES, "x")
    products = GATES
    gates = {"f": "keep", "i": "write", "o": "read"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.25,
        **framework: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, **framework)
        self.dropout = dropout

    def step(
        self, i: Tensor, f: Tensor, o: Tensor, g: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        read = h
        if self.training:
            left_out = self.uniform("h", once=True) < self.dropout
            read = where(left_out, 0.0, h / (1 - self.dropout))
        write = self.gate("i", sigmoid(i + self.product("i", read)))
        keep = self.gate("f", sigmoid(f + self.product("f", read)))
        show = self.gate("o", sigmoid(o + self.product("o", read)))
        c = keep * c + write * tanh(g + self.product("g", read))
        return show * tanh(c), c
