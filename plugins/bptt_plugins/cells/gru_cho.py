"""Gated recurrent unit of Cho et al. 2014."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from bptt.contracts import Cell, GateRole, Ge, Le, State, gate_bias


class GRUCho(Cell):
    """n = tanh(W x + U (r h) + b), h = z h + (1 - z) n: z keeps. Cho 2014, equations 5-8.

    A matrix product follows a gate, so the step is not pointwise and autograd runs it.

    Args:
        forget_bias: bias of the update gate, towards keeping the old state; `chrono` draws
            log U(1, horizon - 1) (Tallec & Ollivier 2018); if not given, U(+-1/sqrt(hidden)) like
            every other parameter.
    """

    states = ("h",)
    gates: ClassVar[Mapping[str, GateRole]] = {"z": "keep", "r": "reset"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: Annotated[float, Ge(-100), Le(100)] | Literal["chrono"] | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.forget_bias = forget_bias
        self.input_weight = nn.Parameter(torch.empty(input_size, 3 * hidden_size))
        self.gate_weight = nn.Parameter(torch.empty(hidden_size, 2 * hidden_size))
        self.candidate_weight = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(3 * hidden_size))
        self.reset_parameters(horizon=2)

    def reset_parameters(self, horizon: int) -> None:
        bound = self.hidden_size**-0.5
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound)
            update_bias = self.bias[self.hidden_size : 2 * self.hidden_size]
            if self.forget_bias is not None:
                keeping = gate_bias(self.forget_bias, self.hidden_size, horizon)
                update_bias.copy_(self.towards_keeping * keeping)

    towards_keeping: ClassVar[float] = 1.0
    """Sign of the update gate's bias that favours the old state."""

    def forward(self, x_t: Tensor, state: State) -> State:
        (h,) = state
        r, z, n_input = self._gates(x_t, h)
        n = torch.tanh(n_input + (r * h) @ self.candidate_weight)
        return (self.mix(z, n, h),)

    def mix(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        """Return the new state from update gate, candidate and old state."""
        return z * h + (1 - z) * n

    def gate_values(self, x_t: Tensor, state: State) -> dict[str, Tensor]:
        r, z, _ = self._gates(x_t, state[0])
        return {"z": z, "r": r}

    @property
    def recurrent_weights(self) -> Mapping[str, Tensor]:
        r, z = self.gate_weight.split(self.hidden_size, dim=1)
        return {"r": r, "z": z, "n": self.candidate_weight}

    def _gates(self, x_t: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r_input, z_input, n_input = (x_t @ self.input_weight + self.bias).chunk(3, dim=-1)
        r_state, z_state = (h @ self.gate_weight).chunk(2, dim=-1)
        return torch.sigmoid(r_input + r_state), torch.sigmoid(z_input + z_state), n_input
