"""`Cell`: one time step of recurrence, as any `nn.Module`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

GateRole = Literal["keep", "write", "read", "reset"]
"""What an open gate (value 1) does: keep the old state, write new content, show it, let it in."""

State = tuple[Float[Tensor, "... hidden"], ...]
"""What a cell carries from one step to the next, each of shape (batch, hidden)."""


class Cell(nn.Module, ABC):
    """One time step of recurrence, differentiated by autograd: slow and always right.

    The keyword-only arguments of a subclass's constructor are the options of the plugin and
    their annotations the schema, for example `gain: Annotated[float, Gt(0)] = 1.0`; a
    `pathlib.Path` is made absolute before it gets there.
    Parameters are drawn from torch's global generator, which the framework seeds per run.
    A matrix held by the cell itself must be used as `x @ W`, so that a column belongs to a unit; in
    one held by a module of torch, such as `nn.Linear`, a row does. Clippers rely on this.

    Args:
        input_size: number of features of `x_t`.
        hidden_size: number of features of each state.
    """

    states: ClassVar[tuple[str, ...]]
    """Names of the states; the first is the output the next layer and the read-out see."""

    gates: ClassVar[Mapping[str, GateRole]] = {}
    """Role of each gate whose values `gate_values` returns."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first step: zeros, in the type of the parameters."""
        like = next(self.parameters(), torch.empty(0))
        zeros = torch.zeros(batch_size, self.hidden_size, dtype=like.dtype, device=like.device)
        return tuple(zeros for _ in self.states)

    @abstractmethod
    def forward(self, x_t: Float[Tensor, "batch input"], state: State) -> State:
        """Advance one step: `x_t` is (batch, input_size), each state (batch, hidden_size).

        It must do nothing else: no checkpoint would contain what it draws or stores, and
        evaluations call it too, with `training` false. So no random numbers but those of a
        `PointwiseCell`, no buffer or attribute that changes (BatchNorm), no writing into its
        arguments, and no `if` on the value of a tensor, where one sequence would decide for all.
        """

    def gate_values(
        self, x_t: Float[Tensor, "batch input"], state: State
    ) -> dict[str, Float[Tensor, "batch hidden"]]:
        """Return the value in [0, 1] of every gate of `gates` at this step, (batch, hidden)."""
        return {}

    @property
    def recurrent_weights(self) -> Mapping[str, Float[Tensor, "hidden hidden"]]:
        """Square blocks (hidden, hidden) that multiply a state, by the name of what they feed.

        Their spectral radius and largest singular value are reported; the orientation
        (`W h` or `h W`) changes neither.
        """
        return {}

    def reset_parameters(self, horizon: int) -> None:
        """Initialise the parameters again, for a task whose dependencies span `horizon` steps."""
