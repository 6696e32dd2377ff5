"""Locks on PostgreSQL, always taken in this order: claims, grid, runs by id, user.

On SQLite a writing transaction has the whole database to itself, and these do nothing.
"""

from collections.abc import Collection

from sqlalchemy import Connection, Select, select, text

from bptt.store.tables import RUNNING, AnyRow, grids, runs

CLAIMS = (72, 0)


def lock_claims(connection: Connection) -> None:
    """Let no other transaction claim until this one ends.

    It is a statement of its own, so that the next one sees what the last claim wrote: a statement
    sees the database as it was before it started waiting.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock{CLAIMS}"))


def lock_grid(connection: Connection, grid_id: str) -> None:
    """Lock a grid, before one of its runs ends or runs are added to it.

    Otherwise, if its last two runs ended at the same moment, each would think the other alive,
    and the grid would never end.
    """
    _take(connection, select(grids.c.id).where(grids.c.id == grid_id))


def lock_run(connection: Connection, run_id: str) -> AnyRow | None:
    """Lock one run, after its grid, and return its row; None if there is no such run."""
    taken = select(runs).where(runs.c.id == run_id).with_for_update(key_share=True)
    return connection.execute(taken).one_or_none()


def lock_runs(connection: Connection, run_ids: Collection[str]) -> None:
    """Lock several runs in the order in which everyone locks them."""
    _take(connection, select(runs.c.id).where(runs.c.id.in_(run_ids)).order_by(runs.c.id))


def lock_running(connection: Connection, grid_id: str) -> None:
    """Lock the running runs of a grid, in the same order, before changing all of them."""
    running = select(runs.c.id).where(runs.c.grid_id == grid_id, text(RUNNING))
    _take(connection, running.order_by(runs.c.id))


def _take(connection: Connection, rows: Select[str]) -> None:
    if connection.dialect.name == "postgresql":
        # key_share: others may still write what only refers to these rows
        connection.execute(rows.with_for_update(key_share=True)).all()
