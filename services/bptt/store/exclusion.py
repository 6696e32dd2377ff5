"""Work that only one process at a time does, on any machine, without a transaction around it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from bptt.file_lock import try_lock
from bptt.store.database import Database

SPACE = 73
"""The space of PostgreSQL's advisory locks; that of claims is 72."""
HELD_AT_MOST = 300
"""Seconds that PostgreSQL lets a silent process, frozen or cut off, hold it."""


@contextmanager
def exclusively(database: Database, grid_id: str) -> Iterator[bool]:
    """Keep other processes away from a grid in MLflow; yields False if one was faster.

    It ends with the process, however that ends. On PostgreSQL another process may get in after
    `HELD_AT_MOST`, so whatever is done under it must tolerate being done twice.

    Args:
        database: whose processes; on SQLite those of this machine, on PostgreSQL all of them.
        grid_id: of the grid.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    if database.file is not None:
        # one file for all grids: a machine rarely has more than one process that asks
        with database.file.with_name("grids.lock").open("w") as file:
            yield try_lock(file)
        return
    with database.read() as connection:
        limit = text(f"SET LOCAL idle_in_transaction_session_timeout = '{HELD_AT_MOST}s'")
        connection.execute(limit)
        lock = text("SELECT pg_try_advisory_xact_lock(:space, hashtext(:grid_id))")
        yield bool(connection.execute(lock, {"space": SPACE, "grid_id": grid_id}).scalar_one())
