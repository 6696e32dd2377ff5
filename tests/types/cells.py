"""Cells that mypy accepts, and mistakes that it must name: an unused `ignore` is an error."""

from typing import Annotated

import torch
from torch import Tensor, nn

from bptt.contracts import Cell, Gt, PointwiseCell, State


class Right(Cell):
    states = ("h",)
    gates = {"z": "keep"}

    def __init__(
        self, input_size: int, hidden_size: int, *, gain: Annotated[float, Gt(0)] = 1.0
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.gain = gain
        self.weight = nn.Parameter(torch.zeros(input_size, hidden_size))

    def forward(self, x_t: Tensor, state: State) -> State:
        return (self.gain * torch.tanh(x_t @ self.weight) + state[0],)

    def gate_values(self, x_t: Tensor, state: State) -> dict[str, Tensor]:
        return {"z": torch.sigmoid(state[0])}


class RightPointwise(PointwiseCell):
    states = ("h",)
    preactivations = {"a": "x+h"}

    def step(self, a: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(a) + h


class ReturnsItsOutputAlone(Cell):
    states = ("h",)

    def forward(self, x_t: Tensor, state: State) -> Tensor:  # type: ignore[override]
        return x_t + state[0]


class ForgetsTheTuple(Cell):
    states = ("h",)

    def forward(self, x_t: Tensor, state: State) -> State:
        return x_t + state[0]  # type: ignore[return-value]


class MisspellsARole(Cell):
    states = ("h",)
    gates = {"z": "keeps"}  # type: ignore[dict-item]

    def forward(self, x_t: Tensor, state: State) -> State:
        return state


class FeedsFromNowhere(RightPointwise):
    preactivations = {"a": "x+c"}  # type: ignore[dict-item]


def make() -> None:
    Right(2, 3, gain=2.0)
    Right(2, 3, gain="large")  # type: ignore[arg-type]
    RightPointwise(2, 3, recurrent_init="orthogonal", forget_bias="chrono", biases=2)
    RightPointwise(2, 3, recurrent_init="orthogonally")  # type: ignore[arg-type]
    RightPointwise(2, 3, biases=3)  # type: ignore[arg-type]
    RightPointwise(2, 3, gain=1.0)  # type: ignore[call-arg]
