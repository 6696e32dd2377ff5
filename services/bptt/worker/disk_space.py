"""`DiskSpace`: whether the disk of the runs has room for one more attempt."""

import logging
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from bptt.durable import is_full

logger = logging.getLogger(__name__)

NEEDED = 8 * 2**20
"""Bytes that must be free before a run is begun: its checkpoints, journal and statistics."""


def free_bytes(folder: Path) -> int:
    """Return how much can be written where a folder is; much, where the system does not count."""
    usage = shutil.disk_usage(folder)
    # some file systems without a limit say that they have no blocks at all
    return usage.free if usage.total else sys.maxsize


def trouble_of(folder: Path) -> str:
    """Return why no run is begun in a folder, in one line for a person; empty if there is room.

    Looks at what the system counts and writes nothing; the folder need not exist yet.
    """
    there = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    try:
        free = free_bytes(there)
    except OSError as error:
        return f"cannot look at {folder}: {error.strerror or error}"
    return "" if free >= NEEDED else _full(folder)


def _full(folder: Path) -> str:
    return f"the disk of {folder} is full, or your share of it: make room there"


class DiskSpace:
    """The disk that attempts are written to, as all slots of a worker see it.

    Args:
        folder: on that disk; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._doubted = False
        self._lock = threading.Lock()
        self.trouble = ""
        """Why nothing is begun, in one line for a person; empty: there is room."""

    def doubt(self) -> None:
        """Have the next look try it out: an attempt found no room, whatever the system counts."""
        self._doubted = True

    def look(self) -> bool:
        """Say whether there is room, and remember what to tell if there is not."""
        with self._lock:
            before, self.trouble = self.trouble, self._find_trouble()
            if self.trouble != before:
                logger.warning("%s", self.trouble or f"there is room in {self._folder} again")
            return not self.trouble

    def _find_trouble(self) -> str:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            free = free_bytes(self._folder)
            if free >= NEEDED and self._doubted:
                self._try()
                self._doubted = False
        except OSError as error:
            if not is_full(error):
                return f"cannot write in {self._folder}: {error.strerror or error}"
            free = 0
        if free >= NEEDED:
            return ""
        return _full(self._folder)

    def _try(self) -> None:
        """Take what a run needs and let go of it; a quota is seen in no other way."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            for _ in range(NEEDED // 2**20):
                file.write(bytes(2**20))
            file.flush()
            os.fsync(file.fileno())
