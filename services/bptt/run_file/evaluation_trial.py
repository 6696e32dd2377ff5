"""Whether a task with other options can be put to a model that is trained on it."""

from typing import TYPE_CHECKING, cast

from bptt import registry
from bptt.errors import BpttError
from bptt.registry import wording
from bptt.run_file.contents import SectionContent
from bptt.run_file.evaluation import EVALUATION
from bptt.run_file.extents import Extents
from bptt.run_file.faults import Faults
from bptt.spec import Choice, EvaluationSpec

if TYPE_CHECKING:
    from bptt.contracts import Task


def try_others(
    own: SectionContent, task: "Task", content: SectionContent, faults: Faults
) -> list[Extents]:
    """Return the extents of a task with other options; note those that do not go with a model.

    Args:
        own: the section `task`.
        task: what it describes.
        content: the section `evaluation`.
        faults: receives one line for each fault.
    """
    choice, given = cast(Choice, own.value), cast(EvaluationSpec, content.value)
    found = []
    for options in given.sets().values():
        try:
            other = registry.construct("task", choice.name, {**choice.options, **options})
        except (BpttError, ValueError) as error:
            content.add_fault(error, faults)
            continue
        if differing := _differing(task, other):
            told = ", ".join(f"{name}={wording.show(value)}" for name, value in options.items())
            message = (
                f"{EVALUATION}: {told} changes what a model of {choice.name!r} reads or predicts "
                f"({differing}); it can only be measured on what it is made for."
            )
            place = content.places[next(iter(options))]
            faults.add(f"{EVALUATION}: {message}", place, message)
            continue
        found.append(Extents(other))
    return found


def _differing(task: "Task", other: "Task") -> str:
    """Return what two tasks differ in that a model depends on; empty: nothing."""
    names = ("inputs", "output_size", "reads", "causal")
    pairs = {name: (getattr(task, name), getattr(other, name)) for name in names}
    return ", ".join(f"{name} {b}, not {a}" for name, (a, b) in pairs.items() if a != b)
