"""What the application answers about users and tokens."""

from dataclasses import dataclass

from bptt.records.users import Role, Token


@dataclass(frozen=True)
class Me:
    """Who is asking, as the server sees it."""

    name: str
    role: Role
    token: str | None
    """The prefix of the token; null: none was needed."""
    expires_at: float | None
    """When the token expires."""


@dataclass(frozen=True)
class NewToken:
    """A token that was just made."""

    token: str
    """The token itself; no other answer will ever contain it."""
    known: Token
