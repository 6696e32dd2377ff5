"""What the application answers about users and tokens."""

from dataclasses import dataclass

from bptt.records.users import Role, Token


@dataclass(frozen=True)
class Me:
    """Who asks, as the server sees it."""

    name: str
    role: Role
    token: str | None
    """What the token begins with; null: none was needed."""
    expires_at: float | None
    """When the token ends."""


@dataclass(frozen=True)
class NewToken:
    """A token that was just made."""

    token: str
    """The token itself; no other answer will ever have it."""
    known: Token
