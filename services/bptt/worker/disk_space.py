"""`DiskSpace`: whether the disk of the runs has room for another attempt."""

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
"""Bytes that must be free before a run starts: for its checkpoints, journal and statistics."""


def free_bytes(folder: Path) -> int:
    """Return how much can be written where a folder is; a lot, if the system does not count."""
    usage = shutil.disk_usage(folder)
    # some file systems without a limit say that they have no blocks at all
    return usage.free if usage.total else sys.maxsize


def trouble_of(folder: Path) -> str:
    """Return why no run starts in a folder, in one line for people; empty if there is room.

    Uses the system's figures and writes nothing; the folder need not exist yet.
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
        """Why nothing starts, in one line for people; empty: there is room."""

    def doubt(self) -> None:
        """Make the next check try to write, because an attempt ran out of space."""
        self._doubted = True

    def look(self) -> bool:
        """Say whether there is room, and remember what to report if there is not."""
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
        """Allocate what a run needs and release it; there is no other way to see a quota."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            for _ in range(NEEDED // 2**20):
                file.write(bytes(2**20))
            file.flush()
            os.fsync(file.fileno())
