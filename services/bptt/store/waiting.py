"""Waiting for an SQLite lock that somebody else holds, with a message if it takes long."""

import logging
import random
import sqlite3
import time
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

logger = logging.getLogger("bptt.store")
"""If logging is not set up, as in a command, Python prints its warnings to stderr."""

WAIT = 30.0
"""Seconds to wait for others before giving up."""
LOOKS = (0.001, 0.005)
"""Shortest and longest time in seconds between two checks whether others are done."""
SAY_AFTER = 2.0
"""Seconds after which people are told why nothing happens."""
SAY_AGAIN = 60.0
"""Seconds within which a process says so only once."""


class _Said:
    at = -SAY_AGAIN


def until_free(attempt: Callable[[], object], where: str) -> None:
    """Call something until the database is no longer locked.

    SQLite itself waits ever longer between two tries, so long waiters never get in.

    Args:
        attempt: raises SQLITE_BUSY, bare or as SQLAlchemy wraps it, while it is locked.
        where: which database, for the message.

    Raises:
        OperationalError: it is locked for longer than `WAIT`, or something else is wrong.
    """
    begun = time.monotonic()
    while True:
        try:
            attempt()
            return
        except (sqlite3.OperationalError, OperationalError) as error:
            waited = time.monotonic() - begun
            if not _is_busy(error) or waited > WAIT:
                raise
            if waited > SAY_AFTER:
                _say(where)
        time.sleep(random.uniform(*LOOKS))


def _is_busy(error: sqlite3.OperationalError | OperationalError) -> bool:
    cause = error.orig if isinstance(error, OperationalError) else error
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _say(where: str) -> None:
    if time.monotonic() - _Said.at < SAY_AGAIN:
        return
    _Said.at = time.monotonic()
    logger.warning(
        "The database %s is locked by another process; waiting up to %.0f s for it ...", where, WAIT
    )
