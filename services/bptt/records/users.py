"""Users and their access tokens."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "admin"]
TokenStatus = Literal["valid", "expired", "revoked", "disabled"]


@dataclass(frozen=True)
class User:
    """What a user may use of the queue, and what they are using."""

    name: str
    role: Role
    weight: float
    """Share of the slots relative to other users."""
    max_running: int | None
    """Runs that may be trained at once; null: no limit."""
    max_queued: int
    disabled_at: float | None
    """Since when nobody is let in as this user, and none of their runs starts."""
    running: int
    queued: int
    usage: float
    """Recent slot-seconds; each counts half after a day."""


@dataclass(frozen=True)
class Token:
    """An access token without its secret: this alone lets nobody in."""

    prefix: str
    """The prefix of the token."""
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
    """disabled: its user is disabled."""


@dataclass(frozen=True)
class Holder:
    """Who presented a valid token."""

    name: str
    role: Role
    token_id: int
    prefix: str
    expires_at: float | None
    is_stale: bool
    """The last use of the token was recorded more than a minute ago, or never."""
