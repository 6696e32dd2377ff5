"""Sections without plugins: values checked against the fields of the spec's own models."""

from collections.abc import Mapping
from typing import Annotated, Any, get_type_hints

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from bptt.errors import did_you_mean
from bptt.registry import wording
from bptt.run_file.document import Node
from bptt.run_file.faults import Faults
from bptt.spec import (
    OPTIMIZERS,
    Adam,
    ModelSpec,
    Optimizer,
    RunSpec,
    Section,
    StatisticsSpec,
    TrainingSpec,
)

PLAIN: Mapping[str, type[Section]] = {
    "model": ModelSpec,
    "training": TrainingSpec,
    "statistics": StatisticsSpec,
}
STRICT = ConfigDict(strict=True, allow_inf_nan=False)


def _label(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable():
        return value
    raise ValueError("must be a text of 1 to 100 characters (in quotes, if it looks like a number)")


LABELS: Mapping[str, Any] = {
    "name": Annotated[str, BeforeValidator(_label)],
    "project": Annotated[str, BeforeValidator(_label)],
    "seed": get_type_hints(RunSpec, include_extras=True)["seed"],
}
"""What stands at the top level itself."""

SECTIONS = tuple(dict.fromkeys(["name", "project", *RunSpec.model_fields]))


def check_names(root: Mapping[str, Node], faults: Faults) -> None:
    """Note every top-level key that is not a section."""
    for name, node in root.items():
        if name in SECTIONS:
            continue
        homes: Mapping[str, type[Section]] = {**PLAIN, "optimizer": Adam}
        home = next((s for s, model in homes.items() if name in model.model_fields), None)
        hint = f"; did you mean '{home}.{name}'?" if home else did_you_mean(name, SECTIONS)
        message = f"{wording.show(name)} is not a section of a run file{hint}"
        faults.add(name, node.place, f"{message} Allowed: {', '.join(SECTIONS)}.")


def read_labels(root: Mapping[str, Node], faults: Faults) -> dict[str, Any]:
    """Return name, project and seed as far as they are given and valid."""
    given = {name: node for name, node in root.items() if name in LABELS}
    return _valid(LABELS, given, "", faults)


def read_plain(section: str, root: Mapping[str, Node], faults: Faults) -> Section:
    """Return a section's values, defaults in place of those that are not given or not valid."""
    model = PLAIN[section]
    children = mapping_of(section, root, faults)
    known = _hints(model)
    for name, node in children.items():
        if name not in known:
            hint = did_you_mean(name, list(known))
            message = f"{section}.{name} is not an option of {section}{hint}"
            faults.add(f"{section}.{name}", node.place, f"{message} Allowed: {', '.join(known)}.")
    return model(**_valid(known, children, section, faults))


def read_optimizer(root: Mapping[str, Node], faults: Faults) -> Optimizer:
    """Return the optimiser, given as a name or as a mapping with its options."""
    children = named_mapping("optimizer", root, faults)
    name: Any = Adam().name
    if "name" in children:
        name = single_value("optimizer.name", children["name"], faults)
        if not isinstance(name, str) or name not in OPTIMIZERS:
            hint = did_you_mean(name, list(OPTIMIZERS)) if isinstance(name, str) else "."
            message = f"Unknown optimizer {wording.show(name)}{hint}"
            allowed = ", ".join(OPTIMIZERS)
            faults.add("optimizer.name", children["name"].place, f"{message} Allowed: {allowed}.")
            return Adam()
    model = OPTIMIZERS[name]
    known = _hints(model)
    for option, node in children.items():
        if option in known or option == "name":
            continue
        others = [repr(other) for other, o in OPTIMIZERS.items() if option in o.model_fields]
        hint = f", but of {', '.join(others)}." if others else did_you_mean(option, list(known))
        message = f"optimizer.{option} is not an option of the optimizer {name!r}{hint}"
        faults.add(f"optimizer.{option}", node.place, f"{message} Allowed: {', '.join(known)}.")
    return model(**_valid(known, children, "optimizer", faults))  # type: ignore[return-value]


def named_mapping(section: str, root: Mapping[str, Node], faults: Faults) -> dict[str, Node]:
    """Return what stands in a section that may be a bare name, which becomes its `name`."""
    node = root.get(section)
    if node is not None and isinstance(node.value, str):
        return {"name": node}
    return mapping_of(section, root, faults, "a name or a mapping")


def mapping_of(
    section: str, root: Mapping[str, Node], faults: Faults, what: str = "a mapping"
) -> dict[str, Node]:
    """Return what stands in a section, nothing if it is absent or empty."""
    node = root.get(section)
    if node is None or node.value is None:
        return {}
    if isinstance(node.value, dict):
        return dict(node.value)
    if not isinstance(node.value, list):
        message = f"{section} must be {what}, got {wording.show(node.value)}."
        faults.add(section, node.place, message)
    single_value(section, node, faults)
    return {}


def single_value(path: str, node: Node, faults: Faults) -> Any:
    """Return a scalar; note a fault for anything else, which is then None."""
    if isinstance(node.value, list):
        message = f"{path} is a list, which spans a grid; a run file describes one run: give one"
        faults.add(path, node.place, f"{message} value, and others with --set.")
        return None
    if isinstance(node.value, dict):
        faults.add(path, node.place, f"{path} must be a single value, got a mapping.")
        return None
    return node.value


def _hints(model: type[Section]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields if name != "name"}


def _valid(
    annotations: Mapping[str, Any], children: Mapping[str, Node], section: str, faults: Faults
) -> dict[str, Any]:
    """Return the values that fit their annotation, and note a fault for each that does not."""
    valid: dict[str, Any] = {}
    for name, node in children.items():
        if name not in annotations:
            continue
        path = f"{section}.{name}" if section else name
        value = single_value(path, node, faults)
        try:
            valid[name] = TypeAdapter(annotations[name], config=STRICT).validate_python(value)
        except ValidationError as error:
            told = [fault["msg"].removeprefix("Value error, ") for fault in error.errors()]
            misfit = wording.misfit(annotations[name], value, told)
            faults.add(path, node.place, f"{path} {misfit}")
    return valid
