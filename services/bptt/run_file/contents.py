"""Every distinct content of every section of a file, each stored once and known by its number."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bptt.content import NamedContent, digest_of
from bptt.errors import BpttError
from bptt.registry import wording
from bptt.registry.files import renamed
from bptt.run_file.document import Node
from bptt.run_file.evaluation import EVALUATION, read_evaluation
from bptt.run_file.faults import Faults, InputPlace
from bptt.run_file.plugins import read_plugins
from bptt.run_file.reading import Branch, Reading
from bptt.run_file.sections import read_optimizers, read_plain
from bptt.section import Section
from bptt.spec import SECTIONS, Choice, EvaluationSpec, section_text

PARTS = tuple(name for name in SECTIONS if name != "seed")
"""The sections of a spec, in the order of their numbers in a row."""
PART = {name: position for position, name in enumerate(PARTS)}


Row = tuple[int, ...]
"""A point: the number of the content of each part, and then the seed."""


@dataclass(frozen=True)
class SectionContent:
    """What one section holds in some points, and where its options were given."""

    branch: Branch
    value: Section
    places: Mapping[str, InputPlace]
    """Of each given option."""
    files: Mapping[str, NamedContent] = field(default_factory=dict)
    """Contents that options refer to, by their hash."""

    @property
    def place(self) -> InputPlace:
        return self.branch.place

    @property
    def options(self) -> Mapping[str, Any]:
        """Every option with its value, without the name."""
        if isinstance(self.value, Choice | EvaluationSpec):
            return self.value.options
        return {name: value for name, value in self.value if name != "name"}

    @property
    def shown(self) -> Mapping[str, Any]:
        """The options for people: a file by its name and the start of its hash."""
        return {name: self._shown(value) for name, value in self.options.items()}

    def _shown(self, value: Any) -> Any:
        named = self.files.get(digest_of(value) or "")
        return value if named is None else named.short

    def add_fault(self, error: BpttError | ValueError, faults: Faults) -> None:
        """Note what the plugin's constructor said, at the option that its message begins with."""
        kind, name = self.branch.section, self.branch.name
        refusal = error if isinstance(error, ValueError) else error.__cause__
        if not isinstance(refusal, ValueError):
            faults.add(f"{self.branch.key}: {error}", self.place, str(error))
            return
        message = renamed(" ".join(str(refusal).split()).rstrip("."))
        subject = message.split(" ", 1)[0].rstrip(":,")
        fault = f"{kind}.{message}." if subject in self.options else f"{kind} {name!r}: {message}."
        # one line for each message of the constructor, however many options lead to it
        faults.add(f"{self.branch.key}: {fault}", self.places.get(subject, self.place), fault)


class Contents:
    """The contents of every section, as far as the file and its `include` ask for them."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.tables: dict[str, list[SectionContent]] = {name: [] for name in PARTS}
        self._numbers: dict[str, dict[str, int]] = {name: {} for name in PARTS}
        # sections that an include leaves unchanged are read once; nodes are kept so that ids stay
        # unique
        self._branches: dict[tuple[str, int, int], tuple[object, list[Branch]]] = {}
        self._expanded: dict[tuple[str, int, int], list[int]] = {}

    def branches(self, section: str, root: Mapping[str, Node]) -> list[Branch]:
        """Return what a section contains, validated; faults are noted once."""
        node = root.get(section)
        key = section, id(node), id(root.get("task")) if section == EVALUATION else 0
        if key not in self._branches:
            tasks = self.branches("task", root) if section == EVALUATION else []
            self._branches[key] = (node, root.get("task")), self._read(section, node, tasks)
        return self._branches[key][1]

    def refers(self, section: str, digest: str) -> bool:
        """Say whether some option in a section has the content of this hash as its value."""
        return any(
            digest_of(value) == digest
            for content in self.tables[section]
            for value in content.options.values()
        )

    def count(self, section: str, root: Mapping[str, Node]) -> int:
        """Return how many contents the section yields, before any is made."""
        return sum(
            math.prod(len(values) for values in branch.options.values())
            for branch in self.branches(section, root)
        )

    def numbers(self, section: str, root: Mapping[str, Node]) -> list[int]:
        """Return the numbers of the section's contents, options varying like nested loops."""
        key = section, id(root.get(section)), id(root.get("task")) if section == EVALUATION else 0
        if key not in self._expanded:
            contents = self._expand(self.branches(section, root))
            self._expanded[key] = [
                self._number(content, text) for content, text in self._without_twins(contents)
            ]
        return self._expanded[key]

    def _read(self, section: str, node: Node | None, tasks: Sequence[Branch]) -> list[Branch]:
        match section:
            case "task" | "cell" | "clipper":
                return read_plugins(section, node, self._reading)
            case "optimizer":
                return read_optimizers(node, self._reading)
            case "evaluation":
                return read_evaluation(node, tasks, self._reading)
            case _:
                return read_plain(section, node, self._reading)

    def _expand(self, branches: Sequence[Branch]) -> Iterator[SectionContent]:
        files = {named.sha256: named for named in self._reading.files.used.values()}
        for branch in branches:
            for chosen in itertools.product(*branch.options.values()):
                given = dict(zip(branch.options, chosen, strict=True))
                value = branch.build({name: g.value for name, g in given.items()})
                yield SectionContent(
                    branch, value, {name: g.place for name, g in given.items()}, files
                )

    def _without_twins(
        self, contents: Iterator[SectionContent]
    ) -> Iterator[tuple[SectionContent, str]]:
        seen: dict[str, SectionContent] = {}
        for content in contents:
            text = section_text(content.value)
            if text in seen:
                branch, first = content.branch, seen[text].place
                what = repr(branch.name) if branch.name else "the same options"
                also = f", first in {first.text}" if first != content.place else ""
                message = (
                    f"{branch.section} holds {what} twice{also}: both are equal once every "
                    "default is filled in."
                )
                self._reading.faults.add(branch.key, content.place, message)
                continue
            seen[text] = content
            yield content, text

    def _number(self, content: SectionContent, text: str) -> int:
        table = self.tables[content.branch.section]
        number = self._numbers[content.branch.section].setdefault(text, len(table))
        if number == len(table):
            table.append(content)
        return number


def shown(values: Mapping[str, Any]) -> str:
    """Return paths and values for people: `cell=lstm, optimizer.lr=0.003`."""
    return ", ".join(
        f"{path}={value if isinstance(value, str) else wording.show(value)}"
        for path, value in values.items()
    )
