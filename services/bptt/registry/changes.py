"""How plugins that are installed differ from those that a run or a grid has recorded."""

from collections.abc import Mapping
from typing import cast

from bptt.registry.discovery import Kind, find
from bptt.registry.plugin_code import code_of, released

MOST_FILES = 5
"""That are named."""


def changes(
    plugins: Mapping[str, str], code: Mapping[str, str] | None, where: str = ""
) -> dict[str, str]:
    """Return what is to be said behind the name of each plugin that is not as recorded.

    As in `of my-cells 0.1.0, and what is installed differs in my_cells.py`.

    Args:
        plugins: the record: `PluginCode.text` by `kind:name`.
        code: digests of the files of those that were not as released; None: it was recorded before
            there was such a record, and any code of the right version is taken for the right one.
        where: said behind `installed`, as in ` on ada-laptop`.

    Raises:
        PluginError: one is not installed, or ambiguous.
    """
    found = {}
    for section, was in plugins.items():
        kind, _, name = section.partition(":")
        plugin = find(cast(Kind, kind), name)
        now = code_of(plugin)
        if now.text == was or (code is None and now.origin == was):
            continue
        if now.origin == released(was) != was:
            # as released here, perhaps, and yet the same
            now = code_of(plugin, always=True)
            if now.text == was:
                continue
        found[section] = told_change(was, now.text, code, now.files, where)
    return found


def told_change(
    was: str,
    now: str,
    code_was: Mapping[str, str] | None,
    code_now: Mapping[str, str],
    where: str = "",
) -> str:
    """Return how a plugin differs from its record, see `changes`.

    Args:
        was: the record.
        now: what is installed, as it would be recorded.
        code_was: digests of files that belong to the record, perhaps of more.
        code_now: of those that belong to what is installed, perhaps of more.
        where: see `changes`.
    """
    if released(now) != released(was):
        return f"of {released(was)}, and what is installed{where} is {released(now)}"
    if was == released(was) and code_was is None:
        return f"of {was}, and its code was not recorded then"
    if was == released(was):
        return f"of {was} as released, and what is installed{where} is other code"
    known = code_was or {}
    files = [file for file in known if file in code_now and code_now[file] != known[file]]
    more = len(files) - MOST_FILES
    told = files[:MOST_FILES] + ([f"{more} more"] if more > 0 else [])
    differing = ", ".join(told) or "what it imports"
    return f"of {released(was)}, and what is installed{where} differs in {differing}"
