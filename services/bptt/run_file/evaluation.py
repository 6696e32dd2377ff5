"""The section `evaluation`: options of the task that a run is measured with, but not trained on."""

import math
from collections.abc import Sequence
from typing import Any

from bptt import registry
from bptt.errors import PluginError, did_you_mean
from bptt.registry import Option, wording
from bptt.registry.option import MisfitError
from bptt.run_file.document import Node
from bptt.run_file.faults import InputPlace
from bptt.run_file.reading import Branch, Given, Reading
from bptt.spec import EvaluationSpec, name_of_set, section_text

EVALUATION = "evaluation"
EXAMPLE = f"{EVALUATION}: {{length: [64, 256]}}"


def read_evaluation(node: Node | None, tasks: Sequence[Branch], reading: Reading) -> list[Branch]:
    """Return the only content of the section; its lists are no axes.

    Args:
        node: of the section.
        tasks: of the file; each must have every option.
        reading: receives the faults.
    """
    place = node.place if node else InputPlace(0, reading.source)
    given: dict[str, Sequence[Given]] = {}
    if node is not None and node.value is not None:
        if not isinstance(node.value, dict):
            got = "a list" if isinstance(node.value, list) else wording.show(node.value)
            message = (
                f"{EVALUATION} must map options of the task to values, as in {EXAMPLE}, got {got}."
            )
            reading.faults.add(EVALUATION, node.place, message)
        else:
            for name, child in node.value.items():
                values = _values(name, child, tasks, reading)
                if values:
                    given[name] = [Given(values, child.place)]
            _check_sets(node, {name: one[0].value for name, one in given.items()}, reading)
    return [Branch(EVALUATION, EVALUATION, place, given, _build)]


def _build(values: dict[str, Any]) -> EvaluationSpec:
    return EvaluationSpec(options=values)


def _values(
    name: str, node: Node, tasks: Sequence[Branch], reading: Reading
) -> tuple[Any, ...] | None:
    """Return the values of one option in the form in which a run records them."""
    path = f"{EVALUATION}.{name}"
    known = [_option(name, path, node, task, reading) for task in tasks]
    declared = [option for option in known if option is not None]
    if not declared or len(declared) < len(known):
        return None
    elements = node.value if isinstance(node.value, list) else [node]
    if not elements:
        message = f"{path} is an empty list: give at least one value."
        reading.faults.add(path, node.place, message)
    values: dict[str, Any] = {}
    for position, element in enumerate(elements):
        key = f"{path}[{position}]"
        try:
            if isinstance(element.value, dict | list):
                raise MisfitError("must be a value or a list of values.")
            value, *_ = [option.write(option.read(element.value)) for option in declared]
        except MisfitError as misfit:
            reading.faults.add(key, element.place, f"{path} {misfit}")
            continue
        if section_text(value) in values:
            message = f"{path} holds {wording.show(element.value)} twice."
            reading.faults.add(key, element.place, message)
        values[section_text(value)] = value
    return tuple(values.values())


def _option(name: str, path: str, node: Node, task: Branch, reading: Reading) -> Option | None:
    """Return the option of a task; note a fault if it has none of this name."""
    if task.plugin is None:
        return None
    try:
        known = registry.options(registry.load_plugin(task.plugin))
    except PluginError:
        return None  # a fault of the task
    if name not in known:
        message = f"{path} is not an option of the task {task.name!r}"
        message += did_you_mean(name, list(known))
        message += f" Allowed: {', '.join(sorted(known))}." if known else " It takes none."
        reading.faults.add(path, node.place, message)
        return None
    if known[name].is_file:
        message = f"{path} is a file; a run is measured with the one it is trained on."
        reading.faults.add(path, node.place, message)
        return None
    return known[name]


def _check_sets(node: Node, options: dict[str, tuple[Any, ...]], reading: Reading) -> None:
    count, most = math.prod(len(values) for values in options.values()), EvaluationSpec.MOST
    if count > most:
        message = f"{EVALUATION} spans {count:,} sets, one for each combination; at most {most}."
        reading.faults.add(EVALUATION, node.place, message)
        return
    found = EvaluationSpec(options=options)
    if options and len(found.sets()) < count:
        names = sorted(name_of_set(given) for given in found.sets().values())
        message = f"{EVALUATION} holds values that metrics cannot tell apart: {', '.join(names)}."
        reading.faults.add(EVALUATION, node.place, message)
