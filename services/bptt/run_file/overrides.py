"""`--set key=value`: changes to a file given on the command line, and in its `include`."""

import math
from collections.abc import Sequence
from typing import Any

from bptt.run_file.document import Node, read_inline, read_scalar
from bptt.run_file.faults import Faults, InputPlace

NAMED_SECTIONS = ("task", "cell", "clipper", "optimizer")
"""Sections that may be a bare name."""
SEEDS = {"seed": "seeds", "seeds": "seed"}
"""Two ways to say the same thing: giving one cancels the other."""


def apply_overrides(root: Node, overrides: Sequence[str], faults: Faults) -> None:
    """Change the nodes of a file; the last of several overrides of a key wins.

    `cell=gru` replaces the section; `cell.forget_bias=3` changes one option of it.
    """
    for number, text in enumerate(overrides):
        place = InputPlace(math.inf, f"--set {text if len(text) <= 60 else text[:57] + '...'}")
        key, equals, value = text.partition("=")
        section, dot, option = key.strip().partition(".")
        if not equals or not section or (dot and not option):
            message = "must be KEY=VALUE, for example --set training.steps=500."
            faults.add(f"--set {number}", place, message)
            continue
        put(root.value, key.strip(), _node(key.strip(), value.strip(), place, faults))


def put(root: dict[str, Node], key: str, node: Node) -> None:
    """Give `cell` or `cell.forget_bias` this value; it keeps its position among the others."""
    section, dot, option = key.partition(".")
    root[section] = _with_option(section, option, root.get(section), node) if dot else node
    root.pop(SEEDS.get(section, ""), None)


def _node(path: str, text: str, place: InputPlace, faults: Faults) -> Node:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return Node(place, text[1:-1])
    if text[:1] in ("[", "{"):
        return read_inline(text, path, place, faults)
    value = read_scalar(text)
    if isinstance(value, float) and not math.isfinite(value):
        faults.add(path, place, f"{path} must be finite, got {text[:60]}.")
    return Node(place, value)


def _with_option(section: str, option: str, given: Node | None, node: Node) -> Node:
    if given is None or given.value is None:
        return Node(node.place, {option: node})
    value: Any = given.value
    if isinstance(value, list):
        return Node(given.place, [_with_option(section, option, inner, node) for inner in value])
    if isinstance(value, dict):
        # a copy, because an alias may share the mapping with another section
        return Node(given.place, {**value, option: node})
    if isinstance(value, str) and section in NAMED_SECTIONS:
        return Node(given.place, {"name": given, option: node})
    return given  # neither a name nor a mapping: reported as a separate fault
