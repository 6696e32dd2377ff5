"""Grids and runs by their full ids: whose they are, and their rows, locked."""

from sqlalchemy import Connection, select

from bptt.errors import GridNotFound, RunNotFound, quoted
from bptt.store.database import Database
from bptt.store.locks import lock_grid, lock_run
from bptt.store.tables import AnyRow, grids, runs

WHOLE = "What changes something takes a whole id"


def owner_of_grid(database: Database, grid_id: str) -> str:
    """Return the owner of a grid, who never changes.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
    """
    owner = None
    # what cannot be printed cannot be sent to PostgreSQL either
    if grid_id.isprintable():
        with database.read() as connection:
            whose = select(grids.c.user_name).where(grids.c.id == grid_id)
            owner = connection.execute(whose).scalar()
    if owner is None:
        raise GridNotFound(f"There is no grid with the id {quoted(grid_id)}. {WHOLE}: bptt grids")
    return str(owner)


def owner_of_run(database: Database, run_id: str) -> str:
    """Return the owner of a run: that of the grid it now belongs to.

    Raises:
        DatabaseUnavailable: the database does not answer.
        RunNotFound: there is no such run.
    """
    owner = None
    if run_id.isprintable():
        with database.read() as connection:
            owner = connection.execute(
                select(grids.c.user_name)
                .join(runs, runs.c.grid_id == grids.c.id)
                .where(runs.c.id == run_id)
            ).scalar()
    if owner is None:
        raise RunNotFound(f"There is no run with the id {quoted(run_id)}. {WHOLE}: bptt runs GRID")
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
