"""`--set key=value`: changes to a run file given on the command line."""

import math
from collections.abc import Sequence
from typing import Any

from bptt.run_file.document import Node, read_scalar
from bptt.run_file.faults import Faults, Place

NAMED_SECTIONS = ("task", "cell", "clipper", "optimizer")
"""Sections that may be a bare name."""


def apply_overrides(root: Node, overrides: Sequence[str], faults: Faults) -> None:
    """Change the nodes of a run file; the last of several overrides of a key wins.

    `cell=gru` replaces the section; `cell.forget_bias=3` changes one option of it.
    """
    for number, text in enumerate(overrides):
        place = Place(math.inf, f"--set {text if len(text) <= 60 else text[:57] + '...'}")
        key, equals, value = text.partition("=")
        section, dot, option = key.strip().partition(".")
        if not equals or not section or (dot and not option):
            message = "must be KEY=VALUE, for example --set training.steps=500."
            faults.add(f"--set {number}", place, message)
            continue
        node = Node(place, _value(key.strip(), value.strip(), place, faults))
        root.value[section] = (
            _with_option(section, option, root.value.get(section), node) if dot else node
        )


def _value(path: str, text: str, place: Place, faults: Faults) -> Any:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    value = read_scalar(text)
    if isinstance(value, float) and not math.isfinite(value):
        faults.add(path, place, f"{path} must be finite, got {text[:60]}.")
    return value


def _with_option(section: str, option: str, given: Node | None, node: Node) -> Node:
    if given is None or given.value is None:
        return Node(node.place, {option: node})
    if isinstance(given.value, dict):
        # a copy, because an alias may share the mapping with another section
        return Node(given.place, {**given.value, option: node})
    if isinstance(given.value, str) and section in NAMED_SECTIONS:
        return Node(given.place, {"name": given, option: node})
    return given  # neither a name nor a mapping: a fault of its own
