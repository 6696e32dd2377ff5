"""One cell of a model at work on the probe batch."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from bptt.contracts import Cell, PointwiseCell, State
from bptt.kernels import Unrolled
from bptt.measuring.rows import Array


@dataclass(frozen=True)
class CellAtWork:
    """A cell, its place in the model, and what it did; all sequences are equally long."""

    layer: int
    direction: str
    cell: Cell
    unrolled: Unrolled

    def key(self, array: Array, *names: str) -> str:
        """Return the key of one statistics array of this cell."""
        return array.named(self.layer, self.direction, *names)

    def drawing(
        self, t: Int[Tensor, "rows"], sequences: Int[Tensor, "rows"]
    ) -> AbstractContextManager[None]:
        """Have the cell draw what it drew at these steps of these sequences."""
        if isinstance(self.cell, PointwiseCell):
            return self.cell.draws.at(sequences, t=t)
        return nullcontext()

    def flow(self) -> dict[str, Float64[Tensor, "time"]]:
        """Return norm(dL/ds_t) of each state at position t of the sequence, (time,) each.

        From the last backward pass, whichever way the cell reads the sequence.
        """
        norms = self.unrolled.gradient_norms.clone()
        norms = norms if self.direction == "forward" else norms.flip(1)
        return dict(zip(self.cell.states, norms, strict=True))

    @cached_property
    def states_before(self) -> State:
        """What each step started from: (time, batch, hidden) per state, in reading order."""
        pairs = zip(self.unrolled.initial, self.unrolled.states, strict=True)
        return tuple(torch.cat([first[None], states[:-1]]).detach() for first, states in pairs)
