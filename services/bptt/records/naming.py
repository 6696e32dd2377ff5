"""What the words that a person types stand for."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an id, its beginning or a name stands for."""

    kind: Literal["grid", "run"]
    id: str
    grid_id: str = ""
    """Of the grid, or of the one that the run belongs to."""
    name: str = ""
    """Of that grid."""
    user: str = ""
    """Whose that grid is."""
    is_own: bool = True
    """Whether that is who asks."""
    note: str | None = None
    """Of a point served by a run of another grid: which one, and whose."""
