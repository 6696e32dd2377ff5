"""From what a person types to an id."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from bptt.errors import GridNotFound, RunNotFound
from bptt.store.database import Database
from bptt.store.locks import lock_grid, lock_run
from bptt.store.tables import AnyRow, grids, runs

NAMED = 5
"""Ids that a message names."""


def find_grid(database: Database, text: str) -> str:
    """Return the id of the grid that a text stands for.

    An id wins over a name, and a name (of the newest grid that has it) over the beginning of an id.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is none, or the text is the beginning of several ids.
    """
    with database.read() as connection:
        newest = select(grids.c.id, grids.c.name).order_by(grids.c.seq.desc()).limit(NAMED + 1)
        # what cannot be printed cannot be sent to PostgreSQL either
        if text.isprintable() and text:
            for exact in (grids.c.id, grids.c.name):
                if found := connection.execute(newest.where(exact == text)).first():
                    return str(found.id)
            begins = func.substr(grids.c.id, 1, len(text)) == text
            rows = connection.execute(newest.where(begins)).all()
            if len(rows) == 1:
                return str(rows[0].id)
            if rows:
                raise GridNotFound(
                    f"{text!r} is the beginning of several grids: {_names(rows)}. "
                    "Give one more letter."
                )
        rows = connection.execute(newest).all()
    if not rows:
        raise GridNotFound(f"No grid {text!r}: none has been submitted yet (bptt submit FILE).")
    raise GridNotFound(f"No grid has the id or name {text!r}. The latest are {_names(rows)}.")


def find_run(database: Database, text: str) -> str:
    """Return the id of the run that a text stands for: its id, or the beginning of one id only.

    Raises:
        DatabaseUnavailable: the database does not answer.
        RunNotFound: there is none, or the text is the beginning of several ids.
    """
    rows: Sequence[AnyRow] = []
    with database.read() as connection:
        if text.isprintable() and text:
            if found := connection.execute(select(runs.c.id).where(runs.c.id == text)).first():
                return str(found.id)
            begins = func.substr(runs.c.id, 1, len(text)) == text
            rows = connection.execute(select(runs.c.id).where(begins).limit(NAMED + 1)).all()
    if len(rows) == 1:
        return str(rows[0].id)
    if rows:
        ids = [row.id for row in rows[:NAMED]] + ["..."] * (len(rows) > NAMED)
        raise RunNotFound(
            f"{text!r} is the beginning of several runs: {', '.join(ids)}. Give the whole id."
        )
    raise RunNotFound(
        f"No run has the id {text!r}. Runs are called like abcde-0; list them: bptt runs GRID"
    )


def owner_of_grid(database: Database, grid_id: str) -> str:
    """Return whose a grid is, which never changes.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
    """
    with database.read() as connection:
        owner = connection.execute(select(grids.c.user_name).where(grids.c.id == grid_id)).scalar()
    if owner is None:
        raise GridNotFound(f"There is no grid {grid_id}.")
    return str(owner)


def owner_of_run(database: Database, run_id: str) -> str:
    """Return whose a run is: who owns the grid that it belongs to now.

    Raises:
        DatabaseUnavailable: the database does not answer.
        RunNotFound: there is no such run.
    """
    with database.read() as connection:
        owner = connection.execute(
            select(grids.c.user_name)
            .join(runs, runs.c.grid_id == grids.c.id)
            .where(runs.c.id == run_id)
        ).scalar()
    if owner is None:
        raise RunNotFound(f"There is no run {run_id}.")
    return str(owner)


def take_grid(connection: Connection, grid_id: str) -> AnyRow:
    """Lock a grid and return its row.

    Raises:
        GridNotFound: it is gone.
    """
    lock_grid(connection, grid_id)
    # not its text and axes, which may be long
    columns = [column for column in grids.c if column.name not in ("source", "axes", "overrides")]
    row = connection.execute(select(*columns).where(grids.c.id == grid_id)).one_or_none()
    if row is None:
        raise GridNotFound(f"There is no grid {grid_id}.")
    return row


def take_run(connection: Connection, run_id: str) -> AnyRow:
    """Lock a run's grid, then the run, and return the run's row.

    Raises:
        RunNotFound: it is gone.
    """
    grid_id = connection.execute(select(runs.c.grid_id).where(runs.c.id == run_id)).scalar()
    if grid_id is not None:
        lock_grid(connection, grid_id)
        if (row := lock_run(connection, run_id)) is not None:
            return row
    raise RunNotFound(f"There is no run {run_id}.")


def _names(rows: Sequence[AnyRow]) -> str:
    named = [f"{row.id} ({row.name})" for row in rows[:NAMED]]
    return ", ".join(named + ["..."] * (len(rows) > NAMED))
