"""Long expressive memory."""

from typing import Annotated, Any

from torch import Tensor, sigmoid, tanh

from bptt.contracts import Gt, Le, PointwiseCell


class LEM(PointwiseCell):
    """z = (1 - a) z + a tanh(c), y = (1 - b) y + b tanh(W x + U z + b_d): two coupled timescales.

    Rusch, Mishra, Erichson & Mahoney 2022 (arXiv 2110.04744), equation 3: steps of size a = dt
    sigma(A), b = dt sigma(B), where A, B and c are linear in x and y. The y of a step reads the z
    of the same step. All weights are drawn as torch draws them, as in the authors' code.

    Args:
        dt: the longest time that a step may take.
    """

    states = ("y", "z")
    preactivations = {"a": "x+h", "b": "x+h", "c": "x+h", "d": "x"}
    products = ("d",)
    gates = {"a": "write", "b": "write"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dt: Annotated[float, Gt(0), Le(1)] = 1.0,
        **framework: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, **framework)
        self.dt = dt

    def step(
        self, a: Tensor, b: Tensor, c: Tensor, d: Tensor, y: Tensor, z: Tensor
    ) -> tuple[Tensor, Tensor]:
        a, b = self.gate("a", self.dt * sigmoid(a)), self.gate("b", self.dt * sigmoid(b))
        z = z + a * (tanh(c) - z)
        return y + b * (tanh(d + self.product("d", z)) - y), z
