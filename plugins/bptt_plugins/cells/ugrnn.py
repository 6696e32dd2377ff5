"""Update gate recurrent network."""

from typing import Any, Literal

from torch import Tensor, lerp, sigmoid

from bptt.contracts import PointwiseCell
from bptt_plugins.cells.indrnn import NONLINEARITIES


class UGRNN(PointwiseCell):
    """h = g h + (1 - g) s(W x + U h + b), g = sigma(W' x + U' h + b'): one gate keeps.

    Collins, Sohl-Dickstein & Sussillo 2017 (arXiv 1611.09913), equations 12 to 14. The constant
    that the paper adds to b' and searches is `forget_bias` here. Weights are drawn as torch draws
    them; the paper draws recurrent ones from N(0, s^2 / hidden) and searches s:
    `recurrent_init: gaussian`, `recurrent_gain`.

    Args:
        nonlinearity: s.
    """

    states = ("h",)
    preactivations = {"g": "x+h", "c": "x+h"}
    gates = {"g": "keep"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: Literal["relu", "tanh"] = "tanh",
        **framework: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, **framework)
        self.nonlinearity = nonlinearity

    def step(self, g: Tensor, c: Tensor, h: Tensor) -> Tensor:
        return lerp(NONLINEARITIES[self.nonlinearity](c), h, sigmoid(g))
