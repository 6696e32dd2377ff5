"""Sections that name a plugin: task, cell, clipper, with their options."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from bptt import registry
from bptt.errors import PluginError, did_you_mean
from bptt.registry import Option, Plugin, wording
from bptt.registry.option import MisfitError
from bptt.run_file.document import Node
from bptt.run_file.reading import Branch, Given, Reading, SectionEntry
from bptt.spec import Choice

PluginSection = Literal["task", "cell", "clipper"]


def read_plugins(kind: PluginSection, node: Node | None, reading: Reading) -> list[Branch]:
    """Return each plugin of a section with the values of its options."""
    branches = []
    for entry in reading.entries(kind, node, named=True):
        for name in _names(kind, entry, reading):
            branch = _read_plugin(kind, entry, name, reading)
            if branch is not None:
                branches.append(branch)
    return branches


def _names(kind: PluginSection, entry: SectionEntry, reading: Reading) -> Sequence[Given]:
    if "name" in entry.children:
        key = f"{entry.key}.name"
        return reading.values(f"{kind}.name", key, entry.children["name"], _text)
    if kind == "clipper" and not entry.children:
        return [Given(Choice(name="none").name, entry.place)]
    installed = ", ".join(registry.discover(kind)) or "none"
    subject = f"{kind}.name" if entry.children else kind
    reading.faults.add(entry.key, entry.place, f"{subject} is missing. Installed: {installed}.")
    return []


def _read_plugin(
    kind: PluginSection, entry: SectionEntry, name: Given, reading: Reading
) -> Branch | None:
    try:
        plugin = registry.find(kind, name.value)
        known = registry.options(registry.load_plugin(plugin))
    except PluginError as error:
        reading.faults.add(f"{entry.key}.name", name.place, str(error))
        return None
    options: dict[str, Sequence[Given]] = {}
    for option, child in entry.children.items():
        key, path = f"{entry.key}.{option}", f"{kind}.{option}"
        if option in known:
            options[option] = reading.values(path, key, child, check_of(known[option], reading))
        elif option != "name":
            message = f"is not an option of the {kind} {plugin.name!r}"
            message += did_you_mean(option, list(known))
            message += f" Allowed: {', '.join(sorted(known))}." if known else " It takes none."
            reading.faults.add(key, child.place, f"{path} {message}")
    missing = [o for o in known.values() if o.required and o.name not in entry.children]
    for absent in missing:
        message = f"{kind}.{absent.name} must be given ({absent.allowed})."
        reading.faults.add(f"{entry.key}.{absent.name}", name.place, message)
    if missing:
        return None
    build = partial(_build, plugin, known)
    return Branch(kind, entry.key, name.place, options, build, plugin.name, plugin)


def _build(plugin: Plugin, known: Mapping[str, Option], values: dict[str, Any]) -> Choice:
    options = {name: values.get(name, option.default) for name, option in known.items()}
    return Choice(name=plugin.name, options=options)


def check_of(option: Option, reading: Reading) -> Callable[[Any], Any]:
    """Return the check for a value of a plugin's option."""

    def check(value: Any) -> Any:
        # its content, so that a run means the same in every folder and on every machine
        if option.is_file and isinstance(value, str) and value:
            value = reading.files.reference(value)
        return option.write(option.read(value))

    return check


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise MisfitError(f"must be a text, got {wording.show(value)}.")
