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
    """Remembers of the folder of each how it looked when it was tried last."""

    _tried: dict[Path, tuple[int, float]] = field(default_factory=dict)
    """How it looked, and when it is tried again in any case, on the monotonic clock."""
    _look_at: float = 0.0

    def is_time(self) -> bool:
        """Say whether it is time for another look at all of them."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_EVERY
        return True

    def is_worth_a_try(self, folder: Path) -> bool:
        """Say whether the run was mended, as far as one can see.

        One that was set aside by another process is taken for set aside here, and is worth it.
        """
        trace, until = self._tried.setdefault(folder, (-1, 0.0))
        return time.monotonic() >= until or trace != _trace(folder)

    def add(self, folder: Path) -> None:
        """Leave a run alone from now on."""
        self._tried[folder] = (_trace(folder), time.monotonic() + AGAIN_AFTER)

    def drop(self, folder: Path) -> bool:
        """Forget a run that could be sent; say whether it once could not."""
        return self._tried.pop(folder, None) is not None


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
