"""`DatabaseWatch`: notices that somebody wrote to a database that is a local file."""

import os

from bptt.store import Database

LOOK_EVERY = 0.04
"""Seconds; a look takes microseconds."""


class DatabaseWatch:
    """Tells when the log of an SQLite file grew or changed, no matter who wrote.

    Sending a token takes a command a fifth of a second, mostly for imports; on one machine the
    worker sees the new rows much earlier.

    Args:
        database: the queue; other kinds have no file to look at.
    """

    def __init__(self, database: Database) -> None:
        # where SQLite writes new data first
        self._log = f"{database.file}-wal" if database.file else ""
        self._known = self._state()

    def __bool__(self) -> bool:
        """Say whether there is something to look at."""
        return bool(self._log)

    def since_last_look(self) -> bool:
        """Say whether anything was written since the last call."""
        before, self._known = self._known, self._state()
        return self._known != before

    def _state(self) -> tuple[int, int]:
        if not self._log:
            return (0, 0)
        try:
            found = os.stat(self._log)
        except OSError:
            # gone while nobody has the database open
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)
