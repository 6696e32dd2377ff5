"""What one check of `bptt doctor` found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    level: Level
    """`fail`: nothing can be trained until it is mended."""
    what: str
    """What was looked at."""
    told: str
    """What was found and, unless all is well, what to do."""
