"""Just another network: an LSTM with nothing but its forget gate."""

from typing import Annotated, Any

from torch import Tensor, sigmoid, tanh

from bptt.contracts import Ge, Le, PointwiseCell


class JANET(PointwiseCell):
    """h = sigma(s) h + (1 - sigma(s - beta)) tanh(U h + W x + b), s = U_f h + W_f x + b_f.

    van der Westhuizen & Lasenby 2018 (arXiv 1804.04849), whose c and h are the same. With beta = 0
    the two gates sum to 1; a larger beta writes more, and a state may grow above 1. The paper takes
    beta = 1 and `forget_bias: chrono`, and begins with b = 0; here b is drawn as torch draws it.

    Args:
        beta: how far the gate that writes lags behind the one that keeps.
    """

    states = ("h",)
    preactivations = {"s": "x+h", "c": "x+h"}
    gates = {"s": "keep", "i": "write"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        beta: Annotated[float, Ge(0), Le(10)] = 1.0,
        **framework: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, **framework)
        self.beta = beta

    def step(self, s: Tensor, c: Tensor, h: Tensor) -> Tensor:
        written = self.gate("i", sigmoid(self.beta - s))
        return sigmoid(s) * h + written * tanh(c)
