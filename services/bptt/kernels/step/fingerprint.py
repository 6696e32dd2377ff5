"""What a cell looked like when its step was traced."""

from typing import Any

import torch

from bptt.contracts import Cell
from bptt.contracts.draws import Draws

MUTABLE = (list, dict, set, bytearray)


class Fingerprint:
    """Notices when a step may compute something different from before.

    It checks the class's `step`, the number type and every attribute of the cell that is not a
    parameter: options may be changed while a process runs. Lists, dicts and sets are compared by
    their printed form. A check takes two microseconds, so every call can afford one.

    Args:
        cell: that was traced.
        dtype: of its numbers.
        device: where they are.
        reads_training: whether its step does something else in an evaluation.
    """

    def __init__(
        self, cell: Cell, dtype: torch.dtype, device: str, reads_training: bool = True
    ) -> None:
        attributes = vars(cell)
        # equality of tensors is not true or false, and a step that reads one is not compiled
        self._names = [
            name
            for name, value in attributes.items()
            if name[0] != "_"
            and not isinstance(value, torch.Tensor | Draws)
            and (name != "training" or reads_training)
        ]
        self._mutable = [n for n in self._names if isinstance(attributes[n], MUTABLE)]
        self._count = len(attributes)
        self._seen = self._see(cell, dtype, device)

    def holds(self, cell: Cell, dtype: torch.dtype, device: str) -> bool:
        """Say whether everything is unchanged."""
        return len(vars(cell)) == self._count and self._seen == self._see(cell, dtype, device)

    def _see(self, cell: Cell, dtype: torch.dtype, device: str) -> tuple[Any, ...]:
        attributes = vars(cell)
        printed = [repr(attributes.get(name)) for name in self._mutable]
        values = [attributes.get(name) for name in self._names]
        return (type(cell), getattr(type(cell), "step", None), dtype, device, values, printed)
