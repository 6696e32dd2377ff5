"""Users and their access tokens."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "admin"]
TokenStatus = Literal["valid", "expired", "revoked", "disabled"]


@dataclass(frozen=True)
class User:
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


@dataclass(frozen=True)
class Token:
    """An access token without its secret: this alone lets nobody in."""

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
    status: TokenStatus
    """disabled: its user is."""


@dataclass(frozen=True)
class Holder:
    """Who showed a valid token."""

    name: str
    role: Role
    token_id: int
    prefix: str
    expires_at: float | None
    is_stale: bool
    """The last use of the token was noted more than a minute ago, or never."""
