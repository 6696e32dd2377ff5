"""`SetAside`: runs that cannot be sent for a reason of their own, until they change."""

import time
from dataclasses import dataclass, field
from pathlib import Path

LOOK_EVERY = 10.0
"""Seconds between two looks whether one of them has changed."""
AGAIN_AFTER = 600.0
"""Seconds after which one is tried again, though nothing in its folder has changed."""


@dataclass
class SetAside:
    """Remembers how the folder of each looked when it was tried last."""

    runs: Path
    """The folder of all runs."""
    _looked: dict[str, tuple[int, float]] = field(default_factory=dict)
    _look_at: float = 0.0

    def is_time(self) -> bool:
        """Say whether it is time for another look at all of them."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_EVERY
        return True

    def is_worth_a_try(self, run_id: str) -> bool:
        """Say whether the run was mended, as far as one can see."""
        trace, until = self._looked.setdefault(run_id, (-1, 0.0))
        return time.monotonic() >= until or trace != _trace(self.runs / run_id)

    def add(self, run_id: str) -> None:
        """Leave a run alone from now on."""
        self._looked[run_id] = (_trace(self.runs / run_id), time.monotonic() + AGAIN_AFTER)

    def drop(self, run_id: str) -> bool:
        """Forget a run that could be sent; say whether it once could not."""
        return self._looked.pop(run_id, None) is not None


def _trace(folder: Path) -> int:
    """Return what changes whenever a file of a folder does, or the rights to it."""
    try:
        files = [folder, *folder.rglob("*")]
    except OSError:
        return -1
    trace = []
    for file in files:
        try:
            found = file.lstat()
        except OSError:
            continue
        trace.append((str(file), found.st_ctime_ns, found.st_size))
    return hash(tuple(sorted(trace)))
