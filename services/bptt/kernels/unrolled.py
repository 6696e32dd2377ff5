"""What a cell did over one sequence, whichever backend ran it."""

from typing import Protocol

from torch import Tensor

from bptt.contracts import State


class Unrolled(Protocol):
    """Every tensor is part of the graph, so that a loss may use any of them."""

    @property
    def inputs(self) -> Tensor:
        """(time, batch, features), as the cell read them."""

    @property
    def initial(self) -> State:
        """State before the first step."""

    @property
    def states(self) -> State:
        """Every state after each step, (time, batch, hidden) each."""

    @property
    def outputs(self) -> Tensor:
        """The first state after each step, (time, batch, hidden)."""

    @property
    def final(self) -> State:
        """The state after the last valid step of each sequence."""

    @property
    def gradient_norms(self) -> Tensor:
        """norm(dL/ds_t) over the batch, (states, time) float64, after the backward pass.

        Zeros where the loss does not reach, or if `unroll` was not asked for them.
        """

    @property
    def norms(self) -> Tensor:
        """The same for parts of the batch, (parts, states, time)."""

    def forget_norms(self) -> None:
        """Set them to zero, before another loss is traced back through the same graph."""
