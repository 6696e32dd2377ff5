"""Sections that name a plugin: task, cell, clipper, with their options."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bptt import registry
from bptt.errors import BpttError, PluginError, did_you_mean
from bptt.registry import Plugin, wording
from bptt.run_file.document import Node
from bptt.run_file.faults import Faults, Place
from bptt.run_file.sections import named_mapping, single_value
from bptt.spec import Choice

PluginSection = Literal["task", "cell", "clipper"]


@dataclass(frozen=True)
class Chosen:
    """A plugin section that names an installed plugin with options it takes."""

    plugin: Plugin
    options: dict[str, Any]
    """Every option the plugin takes, defaults among them."""
    place: Place
    places: Mapping[str, Place]
    """Where each given option stands."""

    @property
    def choice(self) -> Choice:
        return Choice(name=self.plugin.name, options=self.options)

    def add_fault(self, error: BpttError | ValueError, faults: Faults) -> None:
        """Note what the constructor said, at the option its message begins with."""
        kind, name = self.plugin.kind, self.plugin.name
        refusal = error if isinstance(error, ValueError) else error.__cause__
        if not isinstance(refusal, ValueError):
            faults.add(kind, self.place, str(error))
            return
        message = " ".join(str(refusal).split()).rstrip(".")
        subject = message.split(" ", 1)[0].rstrip(":,")
        if subject in self.options:
            place = self.places.get(subject, self.place)
            faults.add(f"{kind}.{subject}", place, f"{kind}.{message}.")
        else:
            faults.add(kind, self.place, f"{kind} {name!r}: {message}.")


def read_plugin(
    kind: PluginSection, root: Mapping[str, Node], source: str, faults: Faults
) -> Chosen | None:
    """Return the plugin of a section with every option it takes, or None with faults noted."""
    children = named_mapping(kind, root, faults)
    place = root[kind].place if kind in root else Place(0, source)
    named = children.pop("name", None)
    if named is None and kind == "clipper" and not children:
        named = Node(place, Choice(name="none").name)
    if named is None:
        installed = ", ".join(registry.discover(kind)) or "none"
        subject = f"{kind}.name" if children else kind
        faults.add(kind, place, f"{subject} is missing. Installed: {installed}.")
        return None
    name = single_value(f"{kind}.name", named, faults)
    if not isinstance(name, str):
        got = wording.show(name)
        faults.add(f"{kind}.name", named.place, f"{kind}.name must be a text, got {got}.")
        return None
    try:
        plugin = registry.find(kind, name)
        known = registry.options(registry.load(kind, name))
    except PluginError as error:
        faults.add(f"{kind}.name", named.place, str(error))
        return None
    given: dict[str, Any] = {}
    for option, node in children.items():
        if option not in known:
            told = f"is not an option of the {kind} {name!r}{did_you_mean(option, list(known))}"
            allowed = f"Allowed: {', '.join(sorted(known))}." if known else "It takes none."
            faults.add(f"{kind}.{option}", node.place, f"{kind}.{option} {told} {allowed}")
            continue
        value = single_value(f"{kind}.{option}", node, faults)
        # absolute, so that a run means the same from every folder
        if known[option].annotation is Path and isinstance(value, str) and value:
            value = str(Path(value).expanduser().absolute())
        given[option] = value
    options, wrong = registry.check_options(kind, name, given)
    places = {option: node.place for option, node in children.items()}
    for fault in wrong:
        option, _, message = fault.partition(": ")
        at = places.get(option, named.place)
        faults.add(f"{kind}.{option}", at, f"{kind}.{option} {message}")
    return None if faults.concern(kind) else Chosen(plugin, options, named.place, places)
