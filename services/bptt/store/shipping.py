"""Which runs MLflow may be missing, and what it is known to have."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select, text, true, update

from bptt.lifecycle import TERMINAL
from bptt.records.shipping import Arrears, ToShip
from bptt.store.bulk import among
from bptt.store.database import Database
from bptt.store.numbering import LARGE
from bptt.store.tables import events, grids, runs, workers


def unshipped(
    database: Database,
    *,
    limit: int,
    worker_id: str | None = None,
    damaged: bool = False,
    without: Sequence[str] = (),
) -> list[ToShip]:
    """Return runs that have started and of which MLflow may be missing something.

    Those that this worker is training come first; another worker's are left to it, and runs that
    wait to continue are shipped when they do. Among those that have ended users take turns, each
    with the newest grid first, so that one user's flood of runs delays nobody else's.

    Args:
        database: the queue.
        limit: how many at most.
        worker_id: whose running runs are included.
        damaged: only those that could not be sent for a reason of their own, instead of all others.
        without: ids to leave out.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    ended = runs.c.status.in_(TERMINAL)
    wanted = ended if worker_id is None else or_(ended, runs.c.worker_id == worker_id)
    turn = func.row_number().over(
        partition_by=(ended, runs.c.user_name), order_by=(grids.c.seq.desc(), runs.c.seq)
    )
    trouble = runs.c.ship_trouble.is_not(None) if damaged else runs.c.ship_trouble.is_(None)
    with database.read() as connection:
        # NOT binds looser than any comparison
        others = [among(connection, "NOT runs.id", without)] if without else []
        rows = connection.execute(
            select(runs.c.id, runs.c.grid_id, runs.c.attempt, runs.c.status, runs.c.mlflow_run_id)
            .join(grids, grids.c.id == runs.c.grid_id)
            .where(text("mlflow = 'pending'"), wanted, trouble, *others)
            .order_by(case((ended, 1), else_=0), turn, runs.c.seq)
            .limit(limit)
        ).all()
    return [
        ToShip(
            run_id=row.id,
            grid_id=row.grid_id,
            attempt=row.attempt,
            status=row.status,
            mlflow_run_id=row.mlflow_run_id,
        )
        for row in rows
    ]


def shipped(database: Database, *, before: int | None, limit: int) -> list[tuple[int, str]]:
    """Return runs of which MLflow has everything, the newest first.

    Args:
        database: the queue.
        before: the last number of the previous page.
        limit: how many at most.

    Returns:
        An ever-growing number and the id of each.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    complete = select(runs.c.seq, runs.c.id).where(runs.c.mlflow == "complete")
    if before is not None:
        complete = complete.where(runs.c.seq < before)
    with database.read() as connection:
        rows = connection.execute(complete.order_by(runs.c.seq.desc()).limit(limit)).all()
    return [(row.seq, row.id) for row in rows]


def training(database: Database, worker_id: str) -> int:
    """Return how many runs a worker is training.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    held = (runs.c.status == "running") & (runs.c.worker_id == worker_id)
    with database.read() as connection:
        return int(connection.execute(select(func.count()).where(held)).scalar_one())


def mark_shipped(
    database: Database,
    run_id: str,
    *,
    mlflow_run_id: str,
    complete: bool,
    instead_of: str | None = None,
) -> None:
    """Record where a run is in MLflow; a run that was deleted meanwhile is skipped.

    Args:
        database: the queue.
        run_id: of the run.
        mlflow_run_id: what MLflow calls it, empty if it has none; the first one written stays.
        complete: all of it is there. It counts only once the run has ended.
        instead_of: its id before MLflow's database was replaced; only that is overwritten.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    all_there = case((runs.c.status.in_(TERMINAL), "complete"), else_=runs.c.mlflow)
    known: ColumnElement[Any] = func.coalesce(runs.c.mlflow_run_id, mlflow_run_id or None)
    if instead_of and mlflow_run_id:
        known = case((runs.c.mlflow_run_id == instead_of, mlflow_run_id), else_=known)
    with database.write(durable=False) as connection:
        connection.execute(
            update(runs)
            .where(runs.c.id == run_id)
            .values(
                mlflow_run_id=known,
                mlflow=all_there if complete else runs.c.mlflow,
                ship_trouble=None,
            )
        )


def mark_unshipped(database: Database, run_ids: Collection[str]) -> None:
    """Record that MLflow no longer has these runs, so that they are sent again.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.write(durable=False, statement_seconds=LARGE) as connection:
        connection.execute(
            update(runs)
            .where(among(connection, "id", list(run_ids)), runs.c.mlflow == "complete")
            .values(mlflow="pending", ship_trouble=None)
        )


def mark_unshippable(database: Database, run_id: str, why: str) -> None:
    """Record why a run can never be sent as it is; it is tried again when it changes.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.write(durable=False) as connection:
        connection.execute(
            update(runs)
            .where(runs.c.id == run_id, runs.c.mlflow == "pending")
            .values(ship_trouble=why)
        )


def tell_shipping(database: Database, worker_id: str, trouble: str) -> None:
    """Record why a worker is sending nothing for now; empty: it is not prevented.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.write(durable=False) as connection:
        connection.execute(
            update(workers).where(workers.c.id == worker_id).values(ship_trouble=trouble)
        )


def arrears(database: Database, grid_id: str | None = None, named: int = 5) -> Arrears:
    """Return how much of what has ended is missing in MLflow, and why.

    Args:
        database: the queue.
        grid_id: of one grid; None: of all.
        named: how many of the runs that cannot be sent are named.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    of_grid = true() if grid_id is None else runs.c.grid_id == grid_id
    pending = select(func.count()).where(
        *(text("mlflow = 'pending'"), runs.c.status.in_(TERMINAL)),
        *(runs.c.ship_trouble.is_(None), of_grid),
    )
    damaged = (text("mlflow = 'pending' AND ship_trouble IS NOT NULL"), of_grid)
    count = select(func.count()).select_from(runs).where(*damaged)
    some = select(runs.c.id, runs.c.ship_trouble).where(*damaged).order_by(runs.c.seq.desc())
    with database.read() as connection:
        return Arrears(
            pending=connection.execute(pending).scalar_one(),
            damaged=connection.execute(count).scalar_one(),
            such_as=tuple(
                (row.id, row.ship_trouble) for row in connection.execute(some.limit(named))
            ),
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
