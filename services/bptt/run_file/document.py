"""A YAML 1.2 text as nodes that know their place; nothing in this file knows what a run is."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from bptt.run_file.faults import Faults, InputPlace

MOST_VALUES = 4_000
DEEPEST = 16
"""Far above any run file, far below what would exhaust memory, time or Python's stack."""

MERGE = (
    "holds the merge key <<, which YAML 1.2 does not have: write the options out, or use a whole "
    "section twice with an anchor (model: &small {...}, then model: *small)."
)

# YAML 1.2, chapter 10.3.2: the core schema
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass
class Node:
    """A value and where it was given."""

    place: InputPlace
    value: Any
    """A scalar, a list of nodes, or a mapping of keys to nodes."""
    size: int = 1
    """Values in it; an alias counts as often as it is used."""


def read_scalar(text: str) -> Any:
    """Return the value of a plain (unquoted) scalar by YAML 1.2: 3e-3 is a number."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    # Python refuses to convert thousands of digits; no option takes that many anyway
    if INTEGER.fullmatch(text) and len(text) < 1000:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if FLOAT.fullmatch(text):
        # -0.0 and 0.0 are one value, and would be two identities
        return float(text) + 0.0
    if NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def read_document(text: str, source: str, faults: Faults) -> Node | None:
    """Return the one document of a YAML text, or None if it is empty.

    Args:
        text: the whole file.
        source: the name of the file in a fault.
        faults: receives what is wrong with single values; reading continues.

    Raises:
        InvalidSpec: not YAML, or more values than a run can need; includes the faults so far.
    """
    try:
        events = iter(YAML(typ="safe", pure=True).parse(text))
        return _Reader(events, source, faults).read()
    except _CannotGoOnError as error:
        faults.add("", error.place, str(error))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}"
        hint = " Indent with spaces, not tabs." if r"'\t'" in str(error.problem) else ""
        problem = ", ".join(str(part) for part in (error.context, error.problem) if part)
        faults.add("", InputPlace(mark.line + 1, where), f"is not YAML: {problem}.{hint}")
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"is not a text file (it holds the character {chr(error.character)!r})."
        faults.add("", InputPlace(line, f"{source}:{line}"), what)
    except (YAMLError, ValueError) as error:
        # ruamel lets an impossible escape such as "\U00110000" through to Python
        faults.add("", InputPlace(0, source), f"is not YAML: {error}.")
    faults.raise_if_any()
    return None


def read_inline(text: str, path: str, place: InputPlace, faults: Faults) -> Node:
    """Return a list or mapping given in one line (`[1, 2]`, `{name: lstm}`), all with one place.

    Args:
        text: YAML in flow style.
        path: its name in a fault.
        place: where every value in it was given.
        faults: receives whatever is wrong, including bad YAML.
    """
    try:
        events = iter(YAML(typ="safe", pure=True).parse(text))
        root = _Reader(events, place, faults).read(path)
    except _CannotGoOnError as error:
        faults.add(path, place, f"{path} {error}")
    except (YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        faults.add(path, place, f"{path} is not YAML: {problem}.")
    else:
        return root or Node(place, None)
    return Node(place, None)


class _CannotGoOnError(Exception):
    def __init__(self, place: InputPlace, message: str) -> None:
        super().__init__(message)
        self.place = place


class _Reader:
    """Builds nodes from parser events: aliases are shared, never copied."""

    def __init__(self, events: Iterator[Any], source: str | InputPlace, faults: Faults) -> None:
        self.events = events
        self.source = source
        self.faults = faults
        self.anchors: dict[str, Node] = {}
        self.values = 0

    def read(self, path: str = "") -> Node | None:
        root: Node | None = None
        for event in self.events:
            if not isinstance(
                event, (ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent)
            ):
                continue
            if root is not None:
                raise _CannotGoOnError(
                    self._place(event),
                    "a second document begins here, and a run file holds only one.",
                )
            root = self._node(event, path, 0)
        # a file of comments only is an empty scalar or no document at all
        return None if root is None or root.value is None else root

    def _node(self, event: Any, path: str, depth: int) -> Node:
        place = self._place(event)
        if depth > DEEPEST:
            raise _CannotGoOnError(place, f"is nested more than {DEEPEST} levels deep.")
        if isinstance(event, AliasEvent):
            node = self._alias(event, place, path)
            self._count(node.size, place)
            return node
        self._count(1, place)
        node = Node(place, None)
        if event.tag not in (None, "!"):
            self._fault(path, place, f"has the tag {str(event.tag)[:60]!r}: give the plain value.")
        if isinstance(event, ScalarEvent):
            node.value = self._scalar(event, path, place)
        elif isinstance(event, MappingStartEvent):
            node.value = self._mapping(path, depth)
            node.size += sum(child.size for child in node.value.values())
        else:
            node.value = self._sequence(path, depth)
            node.size += sum(child.size for child in node.value)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: AliasEvent, place: InputPlace, path: str) -> Node:
        # an anchor is known only once its node is complete, so no node can hold itself
        known = self.anchors.get(event.anchor)
        if known is None:
            self._fault(path, place, f"refers to *{event.anchor}, which nothing before defines.")
            return Node(place, None)
        return Node(place, known.value, known.size)

    def _scalar(self, event: ScalarEvent, path: str, place: InputPlace) -> Any:
        if not event.implicit[0]:
            return event.value
        value = read_scalar(event.value)
        if isinstance(value, float) and not math.isfinite(value):
            self._fault(path, place, f"must be finite, got {event.value[:60]}.")
        return value

    def _sequence(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._node(event, f"{path}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Node]:
        children: dict[str, Node] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            place = self._place(event)
            if not isinstance(event, ScalarEvent):
                self._node(event, path, depth + 1)
                self._node(next(self.events), path, depth + 1)
                self._fault(path, place, "has a key that is not a word.")
                continue
            inner = f"{path}.{event.value}" if path else event.value
            child = self._node(next(self.events), inner, depth + 1)
            if event.value == "<<" and event.implicit[0]:
                self._fault(path, place, MERGE)
            elif event.value in children:
                first = children[event.value].place.line
                where = f", first in line {first}" if math.isfinite(first) else ""
                self._fault(inner, place, f"is given twice{where}.")
            else:
                # a fault in a value cites the line of its key
                children[event.value] = Node(place, child.value, child.size)
        return children

    def _count(self, values: int, place: InputPlace) -> None:
        self.values += values
        if self.values > MOST_VALUES:
            raise _CannotGoOnError(
                place,
                f"holds more than {MOST_VALUES:,} values, counting an alias each time it is used.",
            )

    def _fault(self, path: str, place: InputPlace, message: str) -> None:
        self.faults.add(path, place, f"{path[:100] or 'the file'} {message}")

    def _place(self, event: Any) -> InputPlace:
        if isinstance(self.source, InputPlace):
            return self.source
        line = event.start_mark.line + 1
        return InputPlace(line, f"{self.source}:{line}")
