"""What a cell did over one sequence, whichever backend ran it."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Float64
from torch import Tensor

from bptt.contracts import State


@runtime_checkable
class Unrolled(Protocol):
    """Every tensor is part of the graph, so that a loss may use any of them.

    A gradient *to* `states` is only what the loss reads of them directly: a kernel's steps are no
    part of the graph. The total through time is `gradient_norms`; its elements exist where the
    cell is run by `autograd`, as `StepByStep.states_of`.
    """

    @property
    def inputs(self) -> Float[Tensor, "time batch features"]:
        """(time, batch, features), as the cell read them."""

    @property
    def initial(self) -> State:
        """State before the first step."""

    @property
    def states(self) -> State:
        """Every state after each step, (time, batch, hidden) each."""

    @property
    def outputs(self) -> Float[Tensor, "time batch hidden"]:
        """The first state after each step, (time, batch, hidden)."""

    @property
    def final(self) -> State:
        """The state after the last valid step of each sequence."""

    @property
    def gradient_norms(self) -> Float64[Tensor, "states time"]:
        """norm(dL/ds_t) over the batch, (states, time) float64, after the backward pass.

        Zeros where the loss does not reach, or if `unroll` was not asked for them.
        """

    @property
    def norms(self) -> Float64[Tensor, "parts states time"]:
        """The same for parts of the batch, (parts, states, time)."""

    def forget_norms(self) -> None:
        """Set them to zero, before another loss is traced back through the same graph."""
