"""What one check of `bptt doctor` found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    level: Level
    """`fail`: nothing can be trained until it is fixed."""
    what: str
    """What was checked."""
    told: str
    """What was found and, if there is a problem, what to do."""
