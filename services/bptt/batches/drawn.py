"""What a task drew, checked against what it declares before anything is computed from it."""

from typing import NoReturn

import torch
from torch import Tensor

from bptt.contracts import Batch, StreamTask, Task, Tokens
from bptt.errors import ContractViolation

REQUIRED = ("inputs", "targets")
"""The fields that every batch has."""


class Drawn:
    """Checks batches of one task, in a few operations on whole tensors.

    Args:
        task: that draws them.
        method: that draws them.
    """

    def __init__(self, task: Task, method: str) -> None:
        self._task = task
        self._method = method
        self._numbers = ""
        self._kinds: tuple[object, ...] = ()
        """Shapes and types of the last batch, if it held nothing but inputs and targets."""
        self._reads_tokens = isinstance(task.inputs, Tokens)
        self._has_classes = task.known_loss == "cross_entropy"

    def check(self, batch: object, sequences: int | None, numbers: str) -> None:
        """Check shapes, types and ranges.

        Args:
            batch: what was drawn.
            sequences: as many as it must hold; None: any number.
            numbers: which training batches it contains, or which set it is.

        Raises:
            ContractViolation: names the task, the batch, what is allowed and what was got.
        """
        self._numbers = numbers
        if not isinstance(batch, Batch):
            self._refuse("must return a Batch", type(batch).__name__)
        kinds = _kinds(batch)
        if kinds and kinds == self._kinds:
            # for a stream, each window of which is drawn and checked by itself
            self._check_tokens(batch.inputs)
            self._check_classes(batch.targets)
            return
        for name in ("inputs", "targets", "mask", "lengths"):
            value = getattr(batch, name)
            if not isinstance(value, Tensor) and (value is not None or name in REQUIRED):
                self._refuse(f"must return {name} as a tensor", type(value).__name__)
        time, count = self._check_inputs(batch.inputs, sequences)
        if batch.lengths is not None:
            self._check_lengths(batch.lengths, time, count)
        if batch.mask is not None:
            shape = (time, count)
            if batch.mask.dtype != torch.bool or batch.mask.shape != shape:
                self._refuse(f"must return a mask of torch.bool, {shape}", _kind(batch.mask))
        self._check_targets(batch, time, count)
        for name, value in batch.extra.items():
            if not isinstance(value, Tensor) or value.shape[:1] != (count,):
                got = _kind(value) if isinstance(value, Tensor) else type(value).__name__
                self._refuse(f"must return extra[{name!r}] as a tensor of {count} rows", got)
        self._kinds = kinds

    def _check_inputs(self, inputs: Tensor, sequences: int | None) -> tuple[int, int]:
        size = self._task.inputs.size
        tokens = self._reads_tokens
        shape = "(time, batch)" if tokens else f"(time, batch, {size})"
        fits = inputs.ndim == (2 if tokens else 3) and (tokens or inputs.shape[2] == size)
        if fits and sequences is not None and inputs.shape[1] != sequences:
            self._refuse(
                f"must return as many sequences as it is asked for, {sequences}", inputs.shape[1]
            )
        if not fits or 0 in inputs.shape[:2]:
            self._refuse(f"must return inputs of the shape {shape}, no axis empty", _kind(inputs))
        if tokens:
            if inputs.dtype != torch.int64:
                self._refuse("must return tokens of torch.int64", inputs.dtype)
            self._check_tokens(inputs)
        elif not inputs.is_floating_point():
            self._refuse("must return features that are floats", inputs.dtype)
        self._check_extent(inputs.shape[0], inputs.shape[1])
        return inputs.shape[0], inputs.shape[1]

    def _check_extent(self, steps: int, sequences: int) -> None:
        """Reject more steps than the run was planned for: memory and time depend on them."""
        if self._method in ("evaluation_sets", "test_sets"):
            return
        # what a stream reads side by side says nothing about its samples
        stream = isinstance(self._task, StreamTask)
        if stream and self._method == "sample":
            return
        extent = self._task.extent(sequences)
        if extent is not None and steps > extent.steps:
            self._refuse(f"must return at most the {extent.steps} steps that `extent` says", steps)

    def _check_lengths(self, lengths: Tensor, time: int, count: int) -> None:
        if lengths.dtype != torch.int64 or lengths.shape != (count,):
            self._refuse(f"must return lengths of torch.int64, ({count},)", _kind(lengths))
        self._check_range("lengths", lengths, 1, time)

    def _check_targets(self, batch: Batch, time: int, count: int) -> None:
        targets, loss = batch.targets, self._task.known_loss
        shape = (time, count) if self._task.reads == "every" else (count,)
        exact = loss is not None
        if targets.shape != shape and (exact or targets.shape[: len(shape)] != shape):
            kind = "of" if exact else "that begin with"
            self._refuse(f"must return targets {kind} the shape {shape}", _kind(targets))
        if loss == "squared_error" and not targets.is_floating_point():
            self._refuse("must return targets that are floats", targets.dtype)
        if loss != "cross_entropy":
            return
        if targets.dtype != torch.int64:
            self._refuse("must return classes of torch.int64 as targets", targets.dtype)
        if batch.mask is not None and self._task.reads == "every":
            # positions that do not count may have any value
            targets = targets.masked_fill(~batch.mask, 0)
        self._check_classes(targets)

    def _check_tokens(self, inputs: Tensor) -> None:
        if self._reads_tokens:
            self._check_range("tokens", inputs, 0, self._task.inputs.size - 1)

    def _check_classes(self, targets: Tensor) -> None:
        if self._has_classes:
            self._check_range("classes as targets", targets, 0, self._task.output_size - 1)

    def _check_range(self, what: str, values: Tensor, least: int, most: int) -> None:
        lowest, highest = values.aminmax()
        low, high = lowest.item(), highest.item()
        if low < least or high > most:
            self._refuse(f"must return {what} in {least} .. {most}", low if low < least else high)

    def _refuse(self, rule: str, got: object) -> NoReturn:
        raise ContractViolation(
            f"{type(self._task).__name__}.{self._method} {rule}; got {got} ({self._numbers})."
        )


def _kinds(batch: Batch) -> tuple[object, ...]:
    """Return shapes and types of a batch with only inputs and targets; otherwise None."""
    inputs, targets = batch.inputs, batch.targets
    if batch.mask is not None or batch.lengths is not None or batch.extra:
        return ()
    if not (isinstance(inputs, Tensor) and isinstance(targets, Tensor)):
        return ()
    return inputs.shape, inputs.dtype, targets.shape, targets.dtype


def _kind(value: Tensor) -> str:
    return f"{value.dtype} of {tuple(value.shape)}"
