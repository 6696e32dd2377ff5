"""Which runs MLflow may lack, and what it is known to have."""

from collections.abc import Collection

from sqlalchemy import case, func, or_, select, text, update

from bptt.lifecycle import TERMINAL
from bptt.store.database import Database
from bptt.store.records import ToShip
from bptt.store.tables import events, grids, runs


def unshipped(database: Database, *, limit: int, worker_id: str | None = None) -> list[ToShip]:
    """Return runs that have begun and of which MLflow may lack something.

    Those that have ended, and those that this worker trains, which come first; what another
    worker trains is its own, and what waits to go on is shipped when it does.

    Args:
        database: the queue.
        limit: how many at most; the oldest.
        worker_id: whose running runs count too.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    ended = runs.c.status.in_(TERMINAL)
    own = runs.c.worker_id == worker_id
    with database.read() as connection:
        rows = connection.execute(
            select(runs.c.id, runs.c.grid_id, runs.c.attempt, runs.c.status, runs.c.mlflow_run_id)
            .where(text("mlflow = 'pending'"), ended if worker_id is None else or_(ended, own))
            .order_by(case((ended, 1), else_=0), runs.c.seq)
            .limit(limit)
        ).all()
    return [ToShip(*row) for row in rows]


def training(database: Database, worker_id: str) -> int:
    """Return how many runs a worker trains.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    held = (runs.c.status == "running") & (runs.c.worker_id == worker_id)
    with database.read() as connection:
        return int(connection.execute(select(func.count()).where(held)).scalar_one())


def mark_shipped(database: Database, run_id: str, *, mlflow_run_id: str, complete: bool) -> None:
    """Write down where a run is in MLflow, once; a run that was deleted meanwhile is passed over.

    Args:
        database: the queue.
        run_id: of the run.
        mlflow_run_id: what MLflow calls it, empty if it has none; the first one written stays.
        complete: all of it is there. It counts only once the run has ended.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    all_there = case((runs.c.status.in_(TERMINAL), "complete"), else_=runs.c.mlflow)
    with database.write(durable=False) as connection:
        connection.execute(
            update(runs)
            .where(runs.c.id == run_id)
            .values(
                mlflow_run_id=func.coalesce(runs.c.mlflow_run_id, mlflow_run_id or None),
                mlflow=all_there if complete else runs.c.mlflow,
            )
        )


def deleted_grids(database: Database, grid_ids: Collection[str]) -> list[str]:
    """Return those of the grids that were deleted from this database, not those it never had.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    gone = (
        select(events.c.grid_id)
        .where(events.c.grid_id.in_(grid_ids), events.c.kind == "deleted")
        .where(events.c.grid_id.not_in(select(grids.c.id)))
        .distinct()
    )
    with database.read() as connection:
        return sorted(connection.execute(gone).scalars())
