"""Options that a task declares to change its training alone: what is evaluated must not change."""

import typing
from collections.abc import Mapping
from typing import Any

from torch import Generator

from bptt.conformance.batch import equal
from bptt.conformance.requirement import constructed, require, running
from bptt.contracts import Batch, Task
from bptt.errors import InvalidSpec
from bptt.registry import options as options_of

SIZE = 6


def check_training_only(
    task: Task, task_class: type[Task], options: Mapping[str, Any] | None
) -> None:
    """Evaluate with every other value that such an option lists; other kinds are taken on trust."""
    subject = f"{task_class.__name__}.training_only"
    declared, known = task.training_only, options_of(task_class)
    require(
        isinstance(declared, frozenset) and all(isinstance(name, str) for name in declared),
        f"{subject} must be a frozenset of names of options, got {declared!r}.",
    )
    for name in sorted(declared):
        require(
            name in known,
            f"{subject} must name options, got {name!r}; it has {', '.join(known) or 'none'}.",
        )
        for value in _others(known[name].annotation):
            try:
                other: Task = constructed("task", task_class, {**(options or {}), name: value})
            except InvalidSpec:
                # not with the other options as they are
                continue
            _check_alike(task, other, f"{subject} names {name!r}, but with {name}: {value!r}")


def _others(annotation: Any) -> tuple[Any, ...]:
    """Return the values that an option lists; none if it is of another kind."""
    if annotation is bool:
        return (False, True)
    return typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()


def _check_alike(task: Task, other: Task, subject: str) -> None:
    for attribute in ("metric", "better", "baseline"):
        require(
            getattr(task, attribute) == getattr(other, attribute),
            f"{subject} its {attribute} is another one: such an option makes another problem.",
        )
    drawn, others = _sets(task), _sets(other)
    require(
        drawn.keys() == others.keys()
        and all(equal(_read(drawn[name]), _read(others[name])) for name in drawn),
        f"{subject} it evaluates other sequences: such an option makes another problem.",
    )


def _read(batch: Batch) -> Batch:
    """Return what a model reads of a batch; targets may be told in another form."""
    return Batch(batch.inputs, batch.inputs, lengths=batch.lengths)


def _sets(task: Task) -> Mapping[str, Batch]:
    with running(f"{type(task).__name__}.evaluation_sets"):
        return task.evaluation_sets(Generator().manual_seed(0), SIZE)
