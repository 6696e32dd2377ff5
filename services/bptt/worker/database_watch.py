"""`DatabaseWatch`: notices that somebody wrote to a database that is a file of this machine."""

import os

from bptt.store import Database

LOOK_EVERY = 0.04
"""Seconds; a look takes microseconds."""


class DatabaseWatch:
    """Tells when the log of a SQLite file grew or changed, whoever wrote.

    Sending a token takes a command a fifth of a second, most of it imports: on one machine the
    worker sees the new rows long before.

    Args:
        database: the queue; of any other kind there is no file to look at.
    """

    def __init__(self, database: Database) -> None:
        # where SQLite writes first what is new
        self._log = f"{database.file}-wal" if database.file else ""
        self._known = self._state()

    def __bool__(self) -> bool:
        """Say whether there is something to look at."""
        return bool(self._log)

    def since_last_look(self) -> bool:
        """Say whether anything was written since this was called last."""
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
