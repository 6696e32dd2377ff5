"""How a task scores predictions, called so that its errors name the batch."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor

from bptt.contracts import Batch, Task
from bptt.errors import BpttError, ContractViolation
from bptt.registry.discovery import one_line

Got = TypeVar("Got")


def losses(task: Task, outputs: Tensor, batch: Batch, of: str) -> Tensor:
    """Return the loss of each prediction.

    Args:
        task: whose losses they are.
        outputs: what the model predicts.
        batch: what it should predict.
        of: the name of the batch.

    Raises:
        ContractViolation: names the task and batch, what is allowed and what was got.
    """
    found = _ask(task, "losses", task.losses, outputs, batch, of)
    if not isinstance(found, Tensor) or found.shape != outputs.shape[:-1]:
        _refuse(task, "losses", _each(outputs), found, outputs, batch, of)
    return found


def loss_gradients(
    task: Task, outputs: Tensor, batch: Batch, of: str
) -> tuple[Tensor, Tensor] | None:
    """Return the losses and their derivatives, if the task has them; as `losses` otherwise."""
    found = _ask(task, "loss_gradients", task.loss_gradients, outputs, batch, of)
    if found is None:
        return None
    shapes = outputs.shape[:-1], outputs.shape
    if (
        not isinstance(found, tuple)
        or len(found) != 2
        or not all(isinstance(one, Tensor) for one in found)
        or (found[0].shape, found[1].shape) != shapes
    ):
        rule = f"{_each(outputs)}, and derivatives of the shape {tuple(outputs.shape)}"
        _refuse(task, "loss_gradients", rule, found, outputs, batch, of)
    return found


def metrics(task: Task, outputs: Tensor, batch: Batch, of: str) -> dict[str, float]:
    """Return the metrics as numbers; as `losses` otherwise."""
    with torch.no_grad():
        found = _ask(task, "metrics", task.metrics, outputs, batch, of)
    rule = f"numbers by name, {task.metric!r} among them"
    if not isinstance(found, dict) or task.metric not in found:
        names = sorted(map(str, found)) if isinstance(found, dict) else found
        _refuse(task, "metrics", rule, names, outputs, batch, of)
    try:
        return {name: float(value) for name, value in found.items()}
    except (TypeError, ValueError, RuntimeError):
        _refuse(task, "metrics", rule, _of_metrics(found), outputs, batch, of)


def _ask(
    task: Task,
    method: str,
    function: Callable[[Tensor, Batch], Got],
    outputs: Tensor,
    batch: Batch,
    of: str,
) -> Got:
    try:
        return function(outputs, batch)
    except (BpttError, MemoryError, OSError):
        raise
    # a task that exits the process must not do so as if all were well
    except (Exception, SystemExit) as error:
        raise ContractViolation(
            f"{type(task).__name__}.{method} raised {one_line(error)} "
            f"({_given(outputs, batch, of)})."
        ) from error


def _refuse(
    task: Task, method: str, rule: str, found: object, outputs: Tensor, batch: Batch, of: str
) -> NoReturn:
    raise ContractViolation(
        f"{type(task).__name__}.{method} must return {rule}; got {_kind(found)} "
        f"({_given(outputs, batch, of)})."
    )


def _each(outputs: Tensor) -> str:
    return f"a loss for each prediction, a tensor of the shape {tuple(outputs.shape[:-1])}"


def _given(outputs: Tensor, batch: Batch, of: str) -> str:
    shapes = f"outputs {tuple(outputs.shape)}, targets {tuple(batch.targets.shape)}"
    return f"{of}: {shapes}" if of else shapes


def _of_metrics(found: dict[str, Any]) -> str:
    return ", ".join(f"{name!r}: {_kind(value)}" for name, value in found.items())


def _kind(found: object) -> str:
    if isinstance(found, Tensor):
        return f"{found.dtype} of {tuple(found.shape)}"
    if isinstance(found, tuple) and len(found) <= 4:
        return " and ".join(map(_kind, found)) or "an empty tuple"
    if isinstance(found, str):
        return found
    return ", ".join(map(repr, found)) if isinstance(found, list) else type(found).__name__
