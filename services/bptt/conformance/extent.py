"""Whether a task draws what it calculates that it draws."""

from collections.abc import Mapping

from torch import Generator

from bptt.conformance.requirement import require, running
from bptt.contracts import Batch, Extent, StreamTask, Task
from bptt.errors import ContractViolation

DRAWN = 64
"""The number of sequences drawn to see how long they get."""
LOOSE = 4
"""How many times what is drawn an extent may claim, because the longest are rare."""


def check_extents(
    task: Task, batches: Mapping[int, Batch], drawn: Mapping[str, Mapping[str, Batch]]
) -> None:
    """Check `extent`, `evaluation_extents` and `test_extents`; a task need not implement them.

    Args:
        task: to be checked.
        batches: training batches it drew, by the number of sequences asked for.
        drawn: the sets it drew for `evaluation` and `test`, of as many sequences as the largest
            batch.
    """
    name = type(task).__name__
    subject = f"{name}.extent"
    if isinstance(task, StreamTask):
        size = max(batches)
        with running(subject):
            extent = task.extent(size)
        if extent is None:
            return
        with running(f"{name}.window"):
            window, _ = task.window(0, size)
        _check(subject, extent, window, size)
    else:
        with running(subject):
            extent = task.extent(DRAWN)
        if extent is None:
            return
        with running(f"{name}.sample"):
            many = task.sample(Generator().manual_seed(0), DRAWN)
        _check(subject, extent, many, DRAWN)
        _check_tight(subject, extent, many)
    for size, batch in batches.items():
        with running(subject):
            _check(subject, task.extent(size), batch, size)
    for kind, sets in drawn.items():
        subject = f"{name}.{kind}_extents"
        with running(subject):
            said = getattr(task, f"{kind}_extents")(max(batches))
        require(
            said.keys() == sets.keys(),
            f"{subject} must have the sets that {kind}_sets returns, {sorted(sets)}, "
            f"got {sorted(said)}.",
        )
        for key, batch in sets.items():
            _check(f"{subject}[{key!r}]", said[key], batch, batch.inputs.shape[1])


def _check(subject: str, extent: object, batch: Batch, size: int) -> None:
    if not isinstance(extent, Extent):
        raise ContractViolation(f"{subject} must return an Extent, got {type(extent).__name__}.")
    steps = batch.inputs.shape[0]
    require(
        extent.sequences == size,
        f"{subject} says {extent.sequences} sequences where {size} are drawn.",
    )
    require(
        extent.steps >= steps,
        f"{subject} says {extent.steps} time steps at most, but {steps} were drawn.",
    )
    extra = sum(value.numel() * value.element_size() for value in batch.extra.values())
    require(
        extent.extra_bytes >= extra,
        f"{subject} says {extent.extra_bytes} bytes of Batch.extra, but {extra} were drawn.",
    )


def _check_tight(subject: str, extent: Extent, batch: Batch) -> None:
    steps = batch.inputs.shape[0]
    require(
        extent.steps <= LOOSE * steps,
        f"{subject} says {extent.steps} time steps, but the longest of {DRAWN} sequences has "
        f"{steps}: runs that fit would be refused.",
    )
