"""The files of this repository as syntax trees."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROGRAM = ("services", "plugins", "migrations")


def name_of(path: Path) -> str:
    """Return a file's path below the root of the repository."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def files(*folders: str, suffix: str = ".py") -> tuple[Path, ...]:
    """Return all files below these folders."""
    found = (path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}"))
    return tuple(sorted(path for path in found if ".venv" not in path.parts))


@functools.cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(), str(path))


def lines(path: Path) -> int:
    """Return how many lines a file has."""
    return len(path.read_text().splitlines())


def module_of(path: Path) -> str:
    """Return the name under which a file of `services` or `plugins` is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and the lines of each function of a file, its docstring not counted."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            said = node.body[0] if ast.get_docstring(node) else None
            described = (said.end_lineno or 0) - said.lineno + 1 if said else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - described


def c_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the first line and the lines of each function of a C file, as it is formatted here."""
    head, began = "", 0
    for number, line in enumerate(path.read_text().splitlines()):
        if line == "}" and head:
            yield head, number - began + 1
            head = ""
        elif line[:1].isalpha() and "(" in line and not line.endswith((";", "}")):
            head, began = line, number
