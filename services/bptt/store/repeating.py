"""New runs for points of a grid that have no result."""

import json
import re
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, select, update

from bptt.errors import NotPossible
from bptt.identifiers import run_id_of
from bptt.lifecycle import Status
from bptt.store.bulk import insert_many
from bptt.store.clock import read_clock
from bptt.store.database import Database
from bptt.store.finding import take_grid, take_run
from bptt.store.grid_state import try_first_again
from bptt.store.numbering import LARGE, Numbers, lock_numbers
from bptt.store.run_deletion import last_deleted
from bptt.store.tables import AnyRow, events, grids, points, runs
from bptt.store.writing import Expected, Replacement, refuse_too_many, write_replacements

RETRY = re.compile(r"(?P<first>.+-\d+)r(?P<times>\d+)")


def fill_grid(database: Database, *, user: str, grid_id: str) -> int:
    """Queue a new run for every point whose run failed, was cancelled or was deleted.

    Every other run stays as it is. A grid that had ended continues.

    Args:
        database: the queue.
        user: who is asking; the runs belong to the grid's user.
        grid_id: of the grid.

    Returns:
        How many runs were queued.

    Raises:
        DatabaseUnavailable: the database does not answer; nothing was queued.
        GridNotFound: there is no such grid.
        NotPossible: the grid's user would have too many queued runs.
    """
    lacking = runs.c.id.is_(None) | runs.c.status.in_(("failed", "cancelled"))
    with database.write(statement_seconds=LARGE) as connection:
        numbers = lock_numbers(connection)
        grid = take_grid(connection, grid_id)
        return len(_repeat(connection, grid, numbers, lacking, user))


def retry(
    database: Database,
    *,
    user: str,
    grid_id: str | None = None,
    run_id: str | None = None,
    only_failed: bool = True,
) -> list[str]:
    """Queue a new run in place of one that failed, or of all failed runs of a grid.

    The old run stays in the history; the grid's point refers to the new run, which may continue
    from the last checkpoint of the old one. A grid that had ended continues. If a grid is held
    because its first run failed at once, the new run goes ahead of the rest in its place.

    Args:
        database: the queue.
        user: who is asking; the runs belong to the grid's user.
        grid_id: every such run of this grid, or
        run_id: this run.
        only_failed: leave alone what was cancelled.

    Returns:
        The ids of the new runs: that of the first run of the point, with `r1`, `r2`, ... added.

    Raises:
        DatabaseUnavailable: the database does not answer; nothing was queued.
        GridNotFound: there is no such grid.
        NotPossible: the run has not ended, has succeeded or has already been retried; the grid's
            user would have too many queued runs.
        RunNotFound: there is no such run.
    """
    allowed: list[Status] = ["failed"] if only_failed else ["failed", "cancelled"]
    which: ColumnElement[bool] = runs.c.status.in_(allowed)
    with database.write(statement_seconds=LARGE) as connection:
        numbers = lock_numbers(connection)
        if run_id is not None:
            run = take_run(connection, run_id)
            _refuse(connection, run, allowed)
            which, grid_id = runs.c.id == run_id, run.grid_id
        if grid_id is None:
            raise ValueError("give a grid or a run")
        grid = take_grid(connection, grid_id)
        return _repeat(connection, grid, numbers, which, user)


def _repeat(
    connection: Connection, grid: AnyRow, numbers: Numbers, which: ColumnElement[bool], actor: str
) -> list[str]:
    """Replace the runs of the points for which `which` holds; return the ids of the new ones."""
    rows = connection.execute(
        select(points.c.number, points.c.configuration_id, points.c.seed)
        .add_columns(points.c.identity, points.c.name, runs.c.id.label("run_id"))
        .join_from(points, runs, runs.c.id == points.c.run_id, isouter=True)
        .where(points.c.grid_id == grid.id, which)
        .order_by(points.c.number)
    ).all()
    if not rows:
        return []
    refuse_too_many(connection, grid.user_name, len(rows))
    # an id is used only once: folders and MLflow may still have traces of a deleted run
    deleted = last_deleted(connection, grid.id)
    new = [
        Replacement(
            Expected(
                number=row.number,
                configuration_id=row.configuration_id,
                seed=row.seed,
                identity=row.identity,
                name=row.name,
            ),
            run_id=_new_id(grid.id, row.number, row.run_id or deleted.get(row.number)),
            retry_of=row.run_id,
        )
        for row in rows
    ]
    write_replacements(connection, grid.id, grid.user_name, numbers, new)
    connection.execute(update(grids).where(grids.c.id == grid.id).values(ended_at=None))
    try_first_again(connection, grid, new[0].run_id, actor)
    _tell(connection, grid.id, new, actor)
    return [run.run_id for run in new]


def _new_id(grid_id: str, number: int, run_id: str | None) -> str:
    if run_id is None:
        return run_id_of(grid_id, number)
    earlier = RETRY.fullmatch(run_id)
    return f"{earlier['first']}r{int(earlier['times']) + 1}" if earlier else f"{run_id}r1"


def _refuse(connection: Connection, run: AnyRow, allowed: Collection[Status]) -> None:
    if run.status not in allowed:
        ended = "has succeeded" if run.status == "succeeded" else f"is {run.status}"
        what = " or ".join({"failed": "failed", "cancelled": "was cancelled"}[s] for s in allowed)
        raise NotPossible(f"Run {run.id} {ended}: only what {what} can be retried.")
    later = connection.execute(select(runs.c.id).where(runs.c.retry_of == run.id)).scalar()
    if not run.is_current:
        raise NotPossible(f"Run {run.id} has been retried already, as {later}.")


def _tell(connection: Connection, grid_id: str, new: Sequence[Replacement], actor: str) -> None:
    at = read_clock(connection)
    rows = (
        {
            "at": at,
            "grid_id": grid_id,
            "run_id": run.run_id,
            "kind": "queued",
            "actor": actor,
            "data": json.dumps({"retry_of": run.retry_of}),
        }
        for run in new
    )
    insert_many(connection, events, rows)
