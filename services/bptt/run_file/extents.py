"""How large a task's batches are, drawing as little as possible."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from bptt.errors import ContractViolation
from bptt.registry.discovery import one_line
from bptt.run_file.machine import memory_limit

if TYPE_CHECKING:
    from bptt.contracts import Batch, Extent, Task

Got = TypeVar("Got")
NUMBER, REAL = 8, 4
"""Bytes of a token, a target or a length, and of a feature."""


class Extents:
    """The extents of one task; if it does not give them, one sequence is drawn, once.

    Args:
        task: with an `extent`, or at least a `horizon`.
    """

    def __init__(self, task: "Task") -> None:
        self._task = task
        self._steps: int | None = None

    def training(self, sequences: int) -> "Extent":
        """Return how large a batch of an update is.

        Raises:
            ValueError: according to the task there can be no such batch.
        """
        from bptt.contracts import Extent

        return _asked(self._task.extent, sequences) or Extent(self._drawn(sequences), sequences)

    def drawn(self, sequences: int) -> "Extent":
        """Return how large this many sequences from `sample` are."""
        from bptt.contracts import Extent, StreamTask

        if isinstance(self._task, StreamTask):
            # what it reads side by side says nothing about its samples
            return Extent(self.training(1).steps, sequences)
        return self.training(sequences)

    def evaluation(self, size: int) -> "Mapping[str, Extent]":
        """Return how large each evaluation set is."""
        return _asked(self._task.evaluation_extents, size) or {"": self.drawn(size)}

    def test(self, size: int) -> "Mapping[str, Extent]":
        """Return how large each test set is."""
        return _asked(self._task.test_extents, size) or {"": self.drawn(size)}

    def bytes(self, extent: "Extent") -> int:
        """Return the least that a batch takes."""
        from bptt.contracts import Tokens

        inputs = self._task.inputs
        position = NUMBER if isinstance(inputs, Tokens) else REAL * inputs.size
        every = self._task.reads == "every"
        positions = extent.steps * extent.sequences
        targets = NUMBER * (positions if every else extent.sequences)
        return positions * position + targets + extent.extra_bytes

    def _drawn(self, sequences: int) -> int:
        if self._steps is None:
            # a dependency is no longer than the sequence that holds it
            least = self._task.horizon + 1
            if least * REAL > memory_limit().bytes:
                return least
            self._steps = self._draw(sequences).inputs.shape[0]
        return self._steps

    def _draw(self, sequences: int) -> "Batch":
        from torch import Generator

        from bptt.contracts import StreamTask

        if isinstance(self._task, StreamTask):
            return _asked(self._task.window, 0, sequences)[0]
        return _asked(self._task.sample, Generator().manual_seed(0), 1)


def _asked(method: Callable[..., Got], *given: object) -> Got:
    """Call a method of a task, which must not end this process."""
    try:
        return method(*given)
    except SystemExit as error:
        raise ContractViolation(
            f"{getattr(method, '__qualname__', 'The task')} raised {one_line(error)}."
        ) from error
