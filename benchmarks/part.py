"""One measurement: what it should do, what it found, and how a page presents it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from matplotlib.figure import Figure

Found = dict[str, Any]
"""What was measured, as JSON keeps it: raw figures, so that a page can be written again."""


class BadWord(Exception):
    """A word of the command line that no measurement understands; the message says why."""


@dataclass(frozen=True)
class Part:
    """A section of a page.

    A plan is a frozen dataclass with a default for each field: how many rounds, which sizes. Words
    of the command line change it, and it is kept with what was found.
    """

    name: str
    page: str
    """File in docs/, without its extension."""
    plan: Any
    measure: Callable[[Any], Found]
    lines: Callable[[Any, Found], Iterator[str]]
    picture: Callable[[Any, Found], Figure] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What can be changed, with its defaults."""
        return asdict(self.plan)

    def planned(self, kept: dict[str, Any]) -> Any:
        """Return the plan stored as JSON; fields added later have their defaults."""
        known = {field.name: field for field in fields(self.plan)}
        given = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in kept.items()
            if name in known
        }
        return replace(self.plan, **given)

    def changed(self, words: dict[str, str]) -> Any:
        """Return the plan with `field=value` words applied; those of other parts are left out.

        Raises:
            BadWord: a value is not of its field's type.
        """
        given = {
            name: _read(name, text, self.fields[name])
            for name, text in words.items()
            if name in self.fields
        }
        return replace(self.plan, **given)

    def command(self, plan: Any) -> str:
        """Return the command that repeats this measurement."""
        words = [
            f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
            for name, value in asdict(plan).items()
            if value != self.fields[name]
        ]
        return " ".join(["python -m benchmarks", self.name, *words])


def _read(name: str, text: str, default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple(_convert(name, word, default[0]) for word in text.split(","))
    return _convert(name, text, default)


def _convert(name: str, text: str, example: Any) -> Any:
    kind = type(example)
    with suppress(ValueError):
        value = kind(text)
        if value if isinstance(value, str) else value > 0:
            return value
    allowed = {int: "whole numbers above 0", float: "numbers above 0", str: "names"}[kind]
    raise BadWord(f"{name} takes {allowed}, for example {example}, got {text!r}")
