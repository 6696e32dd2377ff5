"""What the application can be asked to do with users and tokens."""

from pydantic import Field

from bptt.api.orders import RequestBody
from bptt.records.users import Role

MOST = 2_000_000_000
"""The largest number of runs that a limit can name."""
LEAST_WEIGHT = 1e-6
MOST_WEIGHT = 1_000_000.0
LONGEST_LABEL = 200
LONGEST_LIFE = 36_500.0


class CreateToken(RequestBody):
    """Make a token."""

    user: str | None = None
    """Whose it is; null: the asker's."""
    role: Role | None = None
    """The role that user gets; null: unchanged, and `user` for a new one."""
    days: float | None = Field(default=None, gt=0, le=LONGEST_LIFE)
    """How long it is valid; null: until it is revoked."""
    label: str = Field(default="", max_length=LONGEST_LABEL)


class SetUser(RequestBody):
    """Change a user; what is left out stays as it is."""

    role: Role = "user"
    weight: float = Field(default=1.0, ge=LEAST_WEIGHT, le=MOST_WEIGHT)
    max_running: int | None = Field(default=None, ge=0, le=MOST)
    """null: no limit."""
    max_queued: int = Field(default=0, ge=0, le=MOST)
    disabled: bool = False
    """Nobody is let in as this user, and none of their runs starts."""
