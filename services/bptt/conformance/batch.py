"""What a batch must look like for the task that drew it, and parts of batches."""

from dataclasses import replace

import torch
from torch import Tensor

from bptt.conformance.requirement import require, require_tensor, same
from bptt.contracts import Batch, Task, Tokens
from bptt.errors import ContractViolation


def check_batch(task: Task, subject: str, batch: object, batch_size: int) -> None:
    """Check shapes, types and ranges of a batch against what its task declares."""
    if not isinstance(batch, Batch):
        raise ContractViolation(f"{subject} must return a Batch, got {type(batch).__name__}.")
    time = _check_inputs(task, subject, batch, batch_size)
    leading = (time, batch_size) if task.reads == "every" else (batch_size,)
    axes = "time, batch" if task.reads == "every" else "batch"
    require(
        tuple(batch.targets.shape[: len(leading)]) == leading,
        f"The targets of {subject} must begin with the axes ({axes}) = {leading} because the task "
        f"reads {task.reads!r}, got {tuple(batch.targets.shape)}.",
    )
    if batch.lengths is not None:
        require_tensor(batch.lengths, f"lengths of {subject}", (batch_size,), torch.int64)
        require(
            bool((batch.lengths >= 1).all() and (batch.lengths <= time).all()),
            f"The lengths of {subject} must lie in 1 .. {time}, the steps of its inputs.",
        )
    _check_mask(task, subject, batch, (time, batch_size))
    for name, value in batch.extra.items():
        require(
            isinstance(value, Tensor) and value.shape[:1] == (batch_size,),
            f"extra[{name!r}] of {subject} must be a tensor that begins with the batch axis.",
        )


def _check_inputs(task: Task, subject: str, batch: Batch, batch_size: int) -> int:
    """Check the inputs and return how many time steps they have."""
    inputs, size = batch.inputs, task.inputs.size
    subject = f"The inputs of {subject}"
    axes = 2 if isinstance(task.inputs, Tokens) else 3
    shape = (inputs.shape[0] if inputs.ndim else 0, batch_size, size)[:axes]
    require_tensor(inputs, subject, shape)
    require(shape[0] > 0, f"{subject} must have at least one time step.")
    if isinstance(task.inputs, Tokens):
        low, high = int(inputs.min()), int(inputs.max())
        require(
            inputs.dtype == torch.int64 and 0 <= low <= high < size,
            f"{subject} must be int64 tokens 0 .. {size - 1}, got {inputs.dtype} "
            f"from {low} to {high}.",
        )
    else:
        require(
            inputs.is_floating_point() and bool(inputs.isfinite().all()),
            f"{subject} must be finite floats.",
        )
    return shape[0]


def _check_mask(task: Task, subject: str, batch: Batch, shape: tuple[int, int]) -> None:
    if batch.mask is None:
        require(
            batch.lengths is None
            or task.reads == "last"
            or bool((batch.lengths == shape[0]).all()),
            f"{subject} returns sequences of different lengths without a mask: its loss would "
            "count the padding.",
        )
        return
    require_tensor(batch.mask, f"mask of {subject}", shape, torch.bool)
    require(bool(batch.mask.any()), f"The mask of {subject} leaves nothing for the loss.")
    if batch.lengths is not None:
        padding = torch.arange(shape[0]).unsqueeze(1) >= batch.lengths
        require(
            not bool((batch.mask & padding).any()),
            f"The mask of {subject} counts positions behind the end of a sequence.",
        )


def rows_of(batch: Batch, rows: slice, reads: str) -> Batch:
    """Return some sequences of a batch, cut to the longest of them as in training."""
    lengths = None if batch.lengths is None else batch.lengths[rows]
    time = batch.inputs.shape[0] if lengths is None else int(lengths.max())
    return replace(
        batch,
        inputs=batch.inputs[:time, rows],
        targets=batch.targets[:time, rows] if reads == "every" else batch.targets[rows],
        mask=None if batch.mask is None else batch.mask[:time, rows],
        lengths=lengths,
        extra={name: value[rows] for name, value in batch.extra.items()},
    )


def equal(first: Batch, second: Batch) -> bool:
    """Say whether two batches hold the same in every part."""
    ours, others = parts(first), parts(second)
    return ours.keys() == others.keys() and all(same([ours[n]], [others[n]]) for n in ours)


def parts(batch: Batch) -> dict[str, Tensor]:
    """Return every tensor of a batch by its name there."""
    optional = {"mask": batch.mask, "lengths": batch.lengths}
    return {
        "inputs": batch.inputs,
        "targets": batch.targets,
        **{name: part for name, part in optional.items() if part is not None},
        **{f"extra[{name!r}]": value for name, value in batch.extra.items()},
    }
