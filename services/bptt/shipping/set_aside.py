"""`SetAside`: runs that cannot be sent for their own reasons, until they change."""

import time
from dataclasses import dataclass, field
from pathlib import Path

LOOK_EVERY = 10.0
"""Seconds between two checks whether one of them has changed."""
AGAIN_AFTER = 600.0
"""Seconds after which one is tried again although its folder has not changed."""


@dataclass
class SetAside:
    """Remembers the state of each one's folder at the last try."""

    _tried: dict[Path, tuple[int, float]] = field(default_factory=dict)
    """Its state, and when it is tried again in any case, on the monotonic clock."""
    _look_at: float = 0.0

    def is_time(self) -> bool:
        """Say whether it is time for another look at all of them."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_EVERY
        return True

    def is_worth_a_try(self, folder: Path) -> bool:
        """Say whether the run was repaired, as far as can be seen.

        One that another process set aside counts as set aside here, and is worth a try.
        """
        trace, until = self._tried.setdefault(folder, (-1, 0.0))
        return time.monotonic() >= until or trace != _trace(folder)

    def add(self, folder: Path) -> None:
        """Leave a run alone from now on."""
        self._tried[folder] = (_trace(folder), time.monotonic() + AGAIN_AFTER)

    def drop(self, folder: Path) -> bool:
        """Forget a run that was sent; return whether it had been set aside."""
        return self._tried.pop(folder, None) is not None


def _trace(folder: Path) -> int:
    """Return a value that changes whenever a file of a folder or its permissions do."""
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
