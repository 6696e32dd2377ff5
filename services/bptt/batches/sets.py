"""The sets that a model is measured on but never trained on, drawn once per run."""

from collections.abc import Mapping
from dataclasses import replace

from bptt.batches.drawn import Drawn
from bptt.contracts import Batch, Task
from bptt.seeding import stream

MAIN = ""
"""Name of the main set."""

Sets = Mapping[str, Batch]
"""Batches by name."""


def draw_evaluation_sets(task: Task, seed: int, size: int) -> Sets:
    """Return the sets that choose when to stop, what is solved and which weights are best."""
    drawn = task.evaluation_sets(stream(seed, "evaluation"), size)
    return {name: _checked(task, "evaluation_sets", name, batch) for name, batch in drawn.items()}


def draw_test_sets(task: Task, seed: int, size: int, number: int = 0) -> Sets:
    """Return the sets that choose nothing.

    Args:
        task: whose they are.
        seed: of the run.
        size: sequences of each at most.
        number: of the random stream; those of one run differ.
    """
    drawn = task.test_sets(stream(seed, "test", number), size)
    return {name: _checked(task, "test_sets", name, batch) for name, batch in drawn.items()}


def set_name(method: str, name: str) -> str:
    """Return what an error calls a set."""
    kind = "evaluation set" if method == "evaluation_sets" else "test set"
    return f"{kind} {name!r}" if name else kind


def _checked(task: Task, method: str, name: str, batch: Batch) -> Batch:
    Drawn(task, method).check(batch, None, set_name(method, name))
    # lengths that carry no information would prevent the faster path
    if batch.lengths is not None and bool((batch.lengths == batch.inputs.shape[0]).all()):
        return replace(batch, lengths=None)
    return batch
