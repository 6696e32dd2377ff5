"""What a module's code is and imports, by its syntax alone: nothing is executed.

Comments, formatting and docstrings do not count; names and numbers do.
"""

import ast
import hashlib
import importlib.machinery
import os
import sys
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)
SUFFIXES = (".py", *EXTENSIONS)


class Imported(NamedTuple):
    """An `import` as written."""

    module: str
    """Empty for `from . import x`."""
    level: int
    """Dots before the module's name; 0: it is absolute."""
    names: tuple[str, ...]
    """That are taken from it, each of which may be a module of its own."""


Stamp = tuple[int, int, int]
"""Time of a file's last change in nanoseconds, its size and its number."""


def stamp_of(path: str) -> Stamp:
    """Return what tells a file or folder from what it becomes; zeros if it is not there."""
    try:
        there = os.stat(path)
    except OSError:
        return 0, 0, 0
    return there.st_mtime_ns, there.st_size, there.st_ino


@dataclass(frozen=True)
class ModuleCode:
    """A module's file as read."""

    name: str
    stamp: Stamp
    digest: str
    """SHA-256 of its code; of its bytes if it is not Python, or is broken."""
    content: str
    """SHA-256 of its bytes, as installers record it."""
    imports: tuple[Imported, ...]


def read_module(path: str, name: str) -> ModuleCode:
    """Return what a module's file says, reading it only if it has changed; see `keep_imported`.

    Raises:
        OSError: the file cannot be read.
    """
    known = _READ.get(path)
    if known is not None and path in _KEPT and name in sys.modules:
        return known
    stamp = stamp_of(path)
    if known is None or known.stamp != stamp:
        with open(path, "rb") as file:
            content = file.read()
        known = _READ[path] = ModuleCode(name, stamp, *_parsed(path, content))
    return known


def keep_imported() -> None:
    """From now on return of each module imported here what was read of it so far.

    It is what runs in this process, whatever becomes of its file.
    """
    _KEPT.update(path for path, code in _READ.items() if code.name in sys.modules)


_READ: dict[str, ModuleCode] = {}
_KEPT: set[str] = set()


def _parsed(path: str, content: bytes) -> tuple[str, str, tuple[Imported, ...]]:
    whole = hashlib.sha256(content)
    recorded = urlsafe_b64encode(whole.digest()).decode().rstrip("=")
    if not path.endswith(EXTENSIONS):
        words: list[str] = []
        imports: list[Imported] = []
        try:
            _spell(ast.parse(content), words, imports)
        # it cannot be imported, which is not for us to say
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
        else:
            digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
            return digest, recorded, tuple(imports)
    return whole.hexdigest(), recorded, ()


def _spell(node: ast.AST, words: list[str], imports: list[Imported]) -> None:
    """Write a syntax tree as words that are the same in every version of Python.

    Those that add fields leave them empty where nothing new is used.
    """
    words.append(type(node).__name__)
    if isinstance(node, ast.Import):
        imports += [Imported(alias.name, 0, ()) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        taken = tuple(alias.name for alias in node.names)
        imports.append(Imported(node.module or "", node.level, taken))
    for field in node._fields:
        value = getattr(node, field, None)
        if value is None or (isinstance(value, list) and not value):
            continue
        words.append(field)
        if isinstance(value, list):
            _spell_all(value, words, imports)
        elif isinstance(value, ast.AST):
            _spell(value, words, imports)
        else:
            # an integer of thousands of digits has no decimal text in Python
            words.append(hex(value) if type(value) is int else repr(value))


def _spell_all(values: Sequence[Any], words: list[str], imports: list[Imported]) -> None:
    words.append("[")
    for value in values:
        if not isinstance(value, ast.AST):
            words.append(repr(value))
        elif not _is_bare_text(value):
            _spell(value, words, imports)
    words.append("]")


def _is_bare_text(node: ast.AST) -> bool:
    """Say whether it is a docstring, or another text that stands by itself."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
