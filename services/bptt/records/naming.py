"""What the words that users type refer to."""

from dataclasses import dataclass
from typing import Literal

FoundKind = Literal["grid", "run"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an id, a prefix of one or a name refers to."""

    kind: FoundKind
    id: str
    grid_id: str = ""
    """Of the grid, or of the one that the run belongs to."""
    name: str = ""
    """Of that grid."""
    user: str = ""
    """The owner of that grid."""
    is_own: bool = True
    """Whether that is the asker."""
    note: str | None = None
    """For a point served by a run of another grid: which one, and whose."""
