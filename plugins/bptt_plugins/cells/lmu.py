"""Legendre memory unit: a sliding window of its own signal, as coefficients of polynomials."""

from collections.abc import Mapping
from typing import Annotated

import torch
from torch import Tensor, nn, tanh

from bptt.contracts import Cell, Ge, Gt, Le, State


def delay_system(order: int, theta: float) -> tuple[Tensor, Tensor]:
    """Return A (order, order) and B (order,) of m_t = A m_{t-1} + B u_t, float64.

    The best linear system of this order that delays by `theta` steps, equations 1 to 3 of the
    paper, with the input held during a step: exp of ((A, B), (0, 0)).
    """
    i = torch.arange(order, dtype=torch.float64)
    row, column = i.unsqueeze(1), i
    sign = torch.where(row < column, -1.0, (-1.0) ** (row - column + 1))
    both = torch.zeros(order + 1, order + 1, dtype=torch.float64)
    both[:order, :order] = (2 * row + 1) * sign / theta
    both[:order, order] = (2 * i + 1) * (-1.0) ** i / theta
    held = torch.matrix_exp(both)
    return held[:order, :order], held[:order, order]


class LMU(Cell):
    """m = A m + B u, u = e_x x + e_h h + e_m m, h = tanh(W_x x + W_h h + W_m m): m remembers u.

    Voelker, Kajic & Eliasmith 2019 (NeurIPS 32), equations 1 to 7: m holds the first Legendre
    coefficients of the last theta steps of the signal u, by a system A, B that is computed, not
    learnt. The memory is as wide as h, `channels` signals of hidden / channels coefficients each
    (the paper has one signal). Initial values are the authors': e_x and e_h uniform by LeCun's
    rule, e_m = 0, W normal by Glorot's; there are no biases. Signals are few and states are wide,
    which a pointwise step cannot say, so autograd runs this cell.

    Args:
        theta: steps that the memory spans; without it the horizon of the task.
        channels: signals that are remembered; `hidden_size` is a multiple of it.
    """

    states = ("h", "m")
    a: Tensor
    b: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        theta: Annotated[float, Gt(0), Le(1e6)] | None = None,
        channels: Annotated[int, Ge(1)] = 1,
    ) -> None:
        if hidden_size % channels:
            raise ValueError(f"channels must divide hidden_size = {hidden_size}, got {channels}")
        super().__init__(input_size, hidden_size)
        self.theta, self.channels, self.order = theta, channels, hidden_size // channels
        self.e_x = nn.Parameter(torch.empty(input_size, channels))
        self.e_h = nn.Parameter(torch.empty(hidden_size, channels))
        self.e_m = nn.Parameter(torch.empty(hidden_size, channels))
        self.w_x = nn.Parameter(torch.empty(input_size, hidden_size))
        self.w_h = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.w_m = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.register_buffer("a", torch.empty(self.order, self.order))
        self.register_buffer("b", torch.empty(self.order))
        self.reset_parameters(horizon=2)

    def forward(self, x_t: Tensor, state: State) -> State:
        h, m = state
        u = x_t @ self.e_x + h @ self.e_h + m @ self.e_m
        by_channel = m.unflatten(-1, (self.channels, self.order)) @ self.a.mT
        m = (by_channel + u.unsqueeze(-1) * self.b).flatten(-2)
        return tanh(x_t @ self.w_x + h @ self.w_h + m @ self.w_m), m

    @property
    def recurrent_weights(self) -> Mapping[str, Tensor]:
        return {"h": self.w_h, "m": self.w_m}

    def reset_parameters(self, horizon: int) -> None:
        with torch.no_grad():
            theta = max(horizon, 1) if self.theta is None else self.theta
            for buffer, value in zip(
                (self.a, self.b), delay_system(self.order, theta), strict=True
            ):
                buffer.copy_(value)
            for encoder in (self.e_x, self.e_h):
                bound = (3 / len(encoder)) ** 0.5
                encoder.uniform_(-bound, bound)
            self.e_m.zero_()
            for weight in (self.w_x, self.w_h, self.w_m):
                nn.init.xavier_normal_(weight)
