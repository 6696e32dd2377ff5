"""What the application answers about users and tokens."""

from typing import Literal

from bptt.api.answers import Answer

Role = Literal["user", "admin"]


class Me(Answer):
    """Who asks, as the server sees it."""

    name: str
    role: Role
    token: str | None
    """What the token begins with; null: none was needed."""
    expires_at: float | None
    """When the token ends."""


class User(Answer):
    """What somebody may use of the queue, and what they do use."""

    name: str
    role: Role
    weight: float
    """Share of the slots in relation to other users'."""
    max_running: int | None
    """Runs that may be trained at once; null: no limit."""
    max_queued: int
    disabled_at: float | None
    """Since when nobody is let in as this user, and none of their runs begins."""
    running: int
    queued: int
    usage: float
    """Slot-seconds used lately: each counts half after a day."""


class Token(Answer):
    """An access token, which nobody can show who has only this."""

    prefix: str
    """What the token begins with."""
    user: str
    role: Role
    """The user's."""
    label: str
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    """To the minute."""
    revoked_at: float | None
    status: Literal["valid", "expired", "revoked", "disabled"]
    """disabled: its user is."""


class NewToken(Answer):
    """A token that was just made."""

    token: str
    """The token itself; no other answer will ever have it."""
    known: Token
