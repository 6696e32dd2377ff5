"""The file of a grid that was submitted, as a text that submits it again."""

import json
from typing import Any

from bptt.errors import InvalidSpec
from bptt.records.grids import GridSource
from bptt.run_file.document import Node, read_document
from bptt.run_file.faults import Faults
from bptt.run_file.overrides import apply_overrides


def as_submitted(stored: GridSource, name: str) -> str:
    """Return a text that says all that a grid was read from: its file, changed by each `--set`.

    The file is as it was, comments included, if it says all that; otherwise a section is a line.

    Args:
        stored: what it was read from.
        name: of the grid, which the text gives: files of other names make no other grid.

    Raises:
        InvalidSpec: a version that read the file otherwise wrote it.
    """
    wanted = _read(stored) | {"name": name}
    bare = GridSource(stored.source, stored.filename, (), {})
    named = GridSource(f"name: {json.dumps(name)}\n{stored.source}", stored.filename, (), {})
    for one in (bare, named):
        try:
            if _read(one) == wanted:
                return one.source
        except InvalidSpec:
            # no file of sections in lines, or one that names itself
            continue
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in wanted.items()]
    return "\n".join([*lines, ""])


def _read(stored: GridSource) -> dict[str, Any]:
    """Return the values of a file with its overrides."""
    faults = Faults()
    root = read_document(stored.source, stored.filename, faults)
    if root is None or not isinstance(root.value, dict):
        raise InvalidSpec([f"{stored.filename}: must be a mapping of sections."])
    apply_overrides(root, stored.overrides, faults)
    faults.raise_if_any()
    return {key: _plain(node) for key, node in root.value.items()}


def _plain(node: Node) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
