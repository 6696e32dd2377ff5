"""What a section contains: single values, or lists, each of which is an axis of a grid."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bptt.registry import Plugin, wording
from bptt.registry.option import MisfitError
from bptt.run_file.document import Node
from bptt.run_file.faults import Faults, InputPlace
from bptt.run_file.files import Files
from bptt.section import Section
from bptt.spec import section_text


@dataclass(frozen=True)
class Given:
    """A valid value, in the form a run records, and where it was given."""

    value: Any
    place: InputPlace


@dataclass(frozen=True)
class SectionEntry:
    """One element of a section: all of it, or an element of a list."""

    key: str
    place: InputPlace
    children: Mapping[str, Node]


@dataclass(frozen=True)
class Branch:
    """An entry with one name, if its section has names, and the values of each option."""

    section: str
    key: str
    place: InputPlace
    options: Mapping[str, Sequence[Given]]
    """Only the given ones; several values of an option are an axis."""
    build: Callable[[dict[str, Any]], Section]
    """Makes the content of the section from one value of each option."""
    name: str = ""
    plugin: Plugin | None = None


@dataclass
class Reading:
    """How a file is read: as a grid, in which lists are axes, or as one run, without lists."""

    source: str
    grid: bool
    files: Files = field(default_factory=Files)
    faults: Faults = field(default_factory=Faults)

    def elements(self, path: str, key: str, node: Node) -> list[tuple[str, Node]]:
        """Return the key and node of each element of a list, or of the node itself."""
        if not isinstance(node.value, list):
            return [(key, node)]
        if not self.grid:
            self.refuse_grid(path, key, node, "is a list, which")
            return []
        if not node.value:
            message = f"{path} is an empty list: give at least one value."
            self.faults.add(key, node.place, message)
        flat = []
        for position, element in enumerate(node.value):
            inner = f"{key}[{position}]"
            if isinstance(element.value, list):
                message = f"{path} is a list in a list: an axis is one list of values."
                self.faults.add(inner, element.place, message)
            else:
                flat.append((inner, element))
        return flat

    def refuse_grid(self, path: str, key: str, node: Node, what: str) -> None:
        """Note that this is only allowed in a grid file."""
        self.faults.add(
            key,
            node.place,
            f"{path} {what} spans a grid; a run file describes one run: give one value, and "
            f"others with --set. See the grid: bptt grid {self.source}",
        )

    def values(
        self, path: str, key: str, node: Node, check: Callable[[Any], Any]
    ) -> Sequence[Given]:
        """Return every valid value of an option; note a fault for invalid ones and duplicates.

        Args:
            path: the option's name in a fault: `cell.forget_bias`.
            key: its position in the document: `cell[1].forget_bias`.
            node: a scalar, or the list of an axis.
            check: returns the value as a run records it, or raises `MisfitError`.
        """
        valid: dict[str, Given] = {}
        for inner, element in self.elements(path, key, node):
            if isinstance(element.value, dict):
                message = f"{path} must be a single value, got a mapping."
                self.faults.add(inner, element.place, message)
                continue
            try:
                value = check(element.value)
            except MisfitError as misfit:
                self.faults.add(inner, element.place, f"{path} {misfit}")
                continue
            # 1 and 1.0 are the same value where a number is expected
            if section_text(value) in valid:
                message = f"{path} holds {wording.show(element.value)} twice."
                self.faults.add(inner, element.place, message)
            valid[section_text(value)] = Given(value, element.place)
        return list(valid.values())

    def entries(self, section: str, node: Node | None, named: bool) -> list[SectionEntry]:
        """Return the elements of a section as mappings; a bare name becomes its `name`."""
        if node is None or node.value is None:
            return [SectionEntry(section, node.place if node else InputPlace(0, self.source), {})]
        found = []
        for key, element in self.elements(section, section, node):
            if isinstance(element.value, dict):
                found.append(SectionEntry(key, element.place, element.value))
            elif isinstance(element.value, str) and named:
                found.append(SectionEntry(key, element.place, {"name": element}))
            else:
                what = "a name or a mapping" if named else "a mapping"
                got = wording.show(element.value)
                self.faults.add(key, element.place, f"{section} must be {what}, got {got}.")
        return found
