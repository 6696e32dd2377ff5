"""What every statistic is computed from: a frozen model and what it did on the probe batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from jaxtyping import Float64
from torch import Tensor

from bptt.contracts import Batch, Task
from bptt.kernels import Unrolled
from bptt.measuring.cell_at_work import CellAtWork
from bptt.network.model import Forward, Model
from bptt.network.parameters import FlatParameters
from bptt.spec import StatisticsSpec

CALLED = "batch of the statistics"

Taken: TypeAlias = tuple[Mapping[str, float], Mapping[str, Float64[Tensor, "..."]]]
"""Scalars and arrays by key."""

Take: TypeAlias = "Callable[[Probed], Taken]"


@dataclass(frozen=True)
class Probed:
    """A float64 copy of a model after both passes over a batch of sequences of equal length.

    Total gradients to states are there as norms over batch and features (`cells[i].flow()`).
    `forward` has no graph: a statistic that traces another loss back runs the model again.
    """

    spec: StatisticsSpec
    task: Task
    batch: Batch
    model: Model
    parameters: FlatParameters
    """Of the model, with the gradients of the task's mean loss."""
    forward: Forward

    @cached_property
    def cells(self) -> list[CellAtWork]:
        """Every cell over the whole sequences, from the input up, forward before backward."""
        return self.cells_of(self.forward.whole or self.forward.layers)

    @property
    def top(self) -> CellAtWork:
        """The forward cell of the top layer, whose scalars are compared."""
        return next(cell for cell in reversed(self.cells) if cell.direction == "forward")

    def cells_of(self, layers: list[dict[str, Unrolled]]) -> list[CellAtWork]:
        """Return each cell with what it did in a pass, by layer and direction."""
        pairs = zip(self.model.stack.each_layer(), layers, strict=True)
        return [
            CellAtWork(number, direction, cell, did[direction])
            for number, (layer, did) in enumerate(pairs)
            for direction, cell in layer.by_direction().items()
        ]
