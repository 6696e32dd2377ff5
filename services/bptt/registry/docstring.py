"""What a plugin's docstrings say: its summary and the text of each option."""

import inspect
import re
from collections.abc import Iterator
from typing import Any


def summary(plugin_class: type[Any]) -> str:
    """Return the first line of the class's own docstring; empty if it has none."""
    return inspect.cleandoc(plugin_class.__doc__ or "").partition("\n")[0]


def description(plugin_class: type[Any]) -> str:
    """Return the class's own docstring without its sections (`Args:`, `Raises:`)."""
    text = inspect.cleandoc(plugin_class.__doc__ or "")
    return re.split(r"^[A-Z]\w+:\n(?=[ \t])", text, maxsplit=1, flags=re.MULTILINE)[0].rstrip()


def argument_texts(plugin_class: type[Any]) -> dict[str, str]:
    """Return the text of each `Args:` entry of a class and its bases; subclasses win."""
    texts: dict[str, str] = {}
    for owner in plugin_class.__mro__:
        for docstring in (owner.__doc__, vars(owner).get("__init__", owner).__doc__):
            for name, text in _entries(inspect.cleandoc(docstring or "")):
                texts.setdefault(name, text)
    return texts


def _entries(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield (name, text on one line) for each entry of the Google section `Args:`."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring, re.MULTILINE)
    if section is None:
        return
    # lines indented further than the names continue the entry above
    for entry in re.split(r"\n(?=\S)", inspect.cleandoc("\n" + section[1])):
        name, _, text = entry.partition(":")
        yield name.partition("(")[0].strip(), " ".join(text.split())
