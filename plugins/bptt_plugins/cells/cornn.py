"""Coupled oscillatory recurrent network."""

from typing import Annotated, Any

from torch import Tensor, tanh

from bptt.contracts import Ge, Gt, Le, PointwiseCell


class CoRNN(PointwiseCell):
    """y'' = tanh(W y + V y' + U x + b) - gamma y - epsilon y': a network of driven oscillators.

    Rusch & Mishra 2021 (arXiv 2010.00951), equation 3 with the damping explicit, as in the authors'
    code: z = z + dt (tanh(...) - gamma y - epsilon z), y = y + dt z. The gradient neither explodes
    nor vanishes exponentially if dt is small enough (their propositions 3.1 to 3.3).

    Args:
        dt: step of time.
        gamma: frequency of the oscillators, squared.
        epsilon: their damping.
    """

    states = ("y", "z")
    preactivations = {"a": "x+h"}
    products = ("z",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dt: Annotated[float, Gt(0), Le(1)] = 0.042,
        gamma: Annotated[float, Ge(0), Le(1e4)] = 2.7,
        epsilon: Annotated[float, Ge(0), Le(1e4)] = 4.7,
        **framework: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, **framework)
        self.dt, self.gamma, self.epsilon = dt, gamma, epsilon

    def step(self, a: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        force = tanh(a + self.product("z", z)) - self.gamma * y - self.epsilon * z
        z = z + self.dt * force
        return y + self.dt * z, z
