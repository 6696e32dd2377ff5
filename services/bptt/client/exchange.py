"""What goes back and forth between a client and the application, whatever the way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Question:
    """A request."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    """Sent as JSON."""
    pieces: Iterable[bytes] | None = None
    """A content, instead; of `size` bytes."""
    size: int = 0


@dataclass(frozen=True)
class Reply:
    """An answer; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Unanswered(Exception):
    """Nobody answered, and nothing has been changed."""


class Way(Protocol):
    """How questions reach the application."""

    def ask(self, question: Question) -> Reply:
        """Return the answer, which may be a refusal.

        Raises:
            Unanswered: there is none.
        """

    def close(self) -> None:
        """End the connection."""
