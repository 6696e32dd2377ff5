"""What the store tells of users and of their tokens: plain values, free of SQL."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "admin"]
TokenStatus = Literal["valid", "expired", "revoked", "disabled"]


@dataclass(frozen=True)
class UserRow:
    """One user: what they may use of the queue, and what they do use."""

    name: str
    role: Role
    weight: float
    """Share of the slots in relation to other users'."""
    max_running: int | None
    """Runs that may be trained at once; None: no limit."""
    max_queued: int
    disabled_at: float | None
    running: int
    queued: int
    usage: float
    """Slot-seconds used lately: each counts half after a day."""


@dataclass(frozen=True)
class TokenRow:
    """One access token, which nobody can show who has only this."""

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
    """Who showed a token that holds."""

    name: str
    role: Role
    token_id: int
    prefix: str
    expires_at: float | None
    is_stale: bool
    """The last use of the token was noted more than a minute ago, or never."""
