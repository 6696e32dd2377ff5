"""How an option's annotation, and a value that does not fit it, are put into words."""

import inspect
import types
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Interval, Le, Lt

from bptt.errors import did_you_mean

_PLAIN: dict[Any, str] = {
    float: "a number",
    int: "an integer",
    bool: "true or false",
    str: "a text",
    Path: "the path of a file",
    type(None): "null",
}
_SIGNS = {Gt: ("gt", ">"), Ge: ("ge", ">="), Lt: ("lt", "<"), Le: ("le", "<=")}


def allowed(annotation: Any) -> str:
    """Say which values fit the annotation, for example `a number > 0, 'chrono' or null`."""
    return describe(annotation) or inspect.formatannotation(annotation)


def describe(annotation: Any) -> str | None:
    """Say which values fit; None for an annotation with unknown parts."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    # first, because its metadata, and so all of it, may not be hashable
    if origin is Annotated:
        return _bounded(describe(arguments[0]), annotation.__metadata__)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _either([show(member.value) for member in annotation])
    if origin is Literal:
        return _either([show(value) for value in arguments])
    if origin in (Union, types.UnionType):
        return _either([describe(argument) for argument in arguments])
    one_element = origin in (list, Sequence) or (origin is tuple and arguments[1:] == (...,))
    if one_element and (element := describe(arguments[0])):
        return f"a list, each element {element}"
    return None


def misfit(annotation: Any, value: object, complaints: Sequence[str]) -> str:
    """Return `must be ..., got ...` for a value that the annotation rejects.

    Args:
        annotation: what the plugin's author wrote.
        value: what the user gave.
        complaints: the validator's own words, for unknown annotations.
    """
    described = describe(annotation)
    if described is None:
        return f"{'; '.join(complaints)}, got {show(value)}."
    hint = did_you_mean(value, _words(annotation)) if isinstance(value, str) else "."
    return f"must be {described}, got {show(value)}{hint}"


def show(value: object) -> str:
    """Return a value as written in a run file, cut to fit a line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    # an integer of thousands of digits has no text in Python
    if type(value) is int and abs(value) >= 10**80:
        return f"an integer of about {value.bit_length() * 0.30103:,.0f} digits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _bounded(described: str | None, metadata: tuple[Any, ...]) -> str | None:
    parts = [p for m in metadata for p in (m if isinstance(m, Interval) else [m])]
    if described is None or any(type(part) not in _SIGNS for part in parts):
        return None
    bounds = []
    for part in parts:
        attribute, sign = _SIGNS[type(part)]
        bounds.append(f"{sign} {getattr(part, attribute)}")
    return f"{described} {' and '.join(bounds)}"


def _either(choices: Sequence[str | None]) -> str | None:
    known = [choice for choice in choices if choice is not None]
    if len(known) < len(choices):
        return None
    *head, last = known
    return f"{', '.join(head)} or {last}" if head else last


def _words(annotation: Any) -> list[str]:
    """Return every text among the literals of an annotation."""
    if get_origin(annotation) is Literal:
        return [value for value in get_args(annotation) if isinstance(value, str)]
    return [word for argument in get_args(annotation) for word in _words(argument)]
