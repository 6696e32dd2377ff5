"""Options that are files: a run names their content, a plugin gets a path it can open."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from bptt import content
from bptt.errors import DataChanged


def is_file(annotation: Any) -> bool:
    """Say whether an option is a file: whether a `Path` is, or may be, its value."""
    return annotation is Path or any(is_file(argument) for argument in get_args(annotation))


@dataclass(frozen=True)
class Shelf:
    """Where contents are stored here, by their hash, and their names."""

    places: Mapping[str, Path] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


EMPTY = Shelf()
_shelf: ContextVar[Shelf] = ContextVar("shelf", default=EMPTY)


@contextmanager
def files_at(places: Mapping[str, Path], names: Mapping[str, str]) -> Iterator[None]:
    """Let plugins constructed meanwhile find contents in these places."""
    token = _shelf.set(Shelf(places, names))
    try:
        yield
    finally:
        _shelf.reset(token)


def opened(value: Any) -> Any:
    """Return the path of a content for a reference to it; anything else unchanged.

    Raises:
        DataChanged: it is not here.
    """
    if (digest := content.digest_of(str(value))) is None:
        return value
    shelf = _shelf.get()
    if digest not in shelf.places:
        name = shelf.names.get(digest) or "a file"
        raise DataChanged(f"The content of {name} ({value}) is not here. {content.SEND_AGAIN}")
    return shelf.places[digest]


def renamed(text: str) -> str:
    """Return what a plugin said about a path, with the file owner's name for it."""
    shelf = _shelf.get()
    for digest, path in shelf.places.items():
        text = text.replace(str(path), shelf.names.get(digest) or f"{content.PREFIX}{digest}")
    return text
