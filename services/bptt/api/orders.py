"""What the application can be asked to do, as both ends understand it."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

Priority = Field(default=0, ge=-1_000_000, le=1_000_000)


class Order(BaseModel):
    """A request's body; what is not known is refused, never passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GridText(Order):
    """A grid file's text, which is checked where the application runs."""

    source: str
    filename: str = Field(default="grid.yaml", min_length=1, max_length=4096)
    overrides: Sequence[str] = ()


class Submit(GridText):
    """Queue a grid."""

    force: bool = False
    """Repeat what has been run already."""
    hold: bool = False
    priority: int = Priority
    urgency: int = Field(default=1, ge=0, le=2)


class Extend(Order):
    """More points for a grid: its own file or another one, with further overrides on top."""

    source: str | None = None
    filename: str | None = Field(default=None, min_length=1, max_length=4096)
    overrides: Sequence[str] = ()


class Retry(Order):
    """Run again what failed."""

    cancelled: bool = False
    """And what was cancelled."""


class SetPriority(Order):
    """Where a grid stands among those of its user, and its class."""

    priority: int = Priority
    urgency: int | None = Field(default=None, ge=0, le=2)
