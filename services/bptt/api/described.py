"""The OpenAPI document with what the docstrings of the fields of answers say.

They are read when somebody asks for the document; every command would otherwise wait for it.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from itertools import pairwise
from typing import Any


def add_descriptions(document: dict[str, Any]) -> None:
    """Describe the properties of each schema that is made from a dataclass of ours."""
    records = {record.__name__: record for record in _records()}
    for name, schema in document["components"]["schemas"].items():
        if name in records:
            for field, text in field_descriptions(records[name]).items():
                schema["properties"][field].setdefault("description", text)


def field_descriptions(record: type) -> dict[str, str]:
    """Return the docstrings of the fields of a dataclass, its bases' included."""
    found: dict[str, str] = {}
    for base in reversed(record.__mro__):
        if is_dataclass(base):
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(definition, ast.ClassDef)
            found |= _attributes(definition)
    return found


def _attributes(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, behind in pairwise(definition.body):
        match field, behind:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, inspect.cleandoc(text)


def _records() -> Iterator[type]:
    for name, module in list(sys.modules.items()):
        if name.startswith("bptt.records.") or (
            name.startswith("bptt.api.") and name.endswith("answers")
        ):
            for one in vars(module).values():
                if isinstance(one, type) and is_dataclass(one) and one.__module__ == name:
                    yield one
