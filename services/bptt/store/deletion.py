"""Removing a grid, and never a result that another grid relies on."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, exists, func, select, text, update

from bptt.errors import NotPossible
from bptt.identifiers import grid_of
from bptt.lifecycle import TERMINAL
from bptt.store.bulk import among
from bptt.store.database import Database
from bptt.store.finding import take_grid
from bptt.store.history import record_event
from bptt.store.numbering import LARGE, lock_numbers
from bptt.store.tables import RUNNING, configurations, events, grid_contents, grids, points, runs

# A run that other grids refer to becomes a run of the oldest of them, under that grid's name for
# it.
ADOPT = """
UPDATE runs SET grid_id = a.grid_id, number = a.number, configuration_id = a.configuration_id
FROM (
    SELECT p.run_id, p.grid_id, p.number, p.configuration_id,
        row_number() OVER (PARTITION BY p.run_id ORDER BY g.seq) AS place
    FROM points p JOIN grids g ON g.id = p.grid_id
    WHERE p.grid_id <> :grid_id AND p.run_id IN (SELECT id FROM runs WHERE grid_id = :grid_id)
) a
WHERE runs.id = a.run_id AND a.place = 1
"""


def delete_grid(database: Database, grid_id: str, actor: str) -> list[str]:
    """Remove a grid with its runs, including waiting ones, and their history.

    A run that points of other grids refer to stays, with its id, attempts, history and folder, as
    a run of the oldest of those grids.

    Returns:
        The ids of the removed runs, whose folders can be deleted.

    Raises:
        DatabaseUnavailable: the database does not answer; nothing was removed.
        GridNotFound: there is no such grid.
        NotPossible: some of its runs are running.
    """
    with database.write(statement_seconds=LARGE) as connection:
        lock_numbers(connection)
        grid = take_grid(connection, grid_id)
        _refuse_running(connection, grid_id)
        _hand_over(connection, grid_id)
        own = exists().where(runs.c.id == events.c.run_id, runs.c.grid_id == grid_id)
        connection.execute(
            delete(events).where(events.c.grid_id == grid_id, events.c.run_id.is_(None) | own)
        )
        connection.execute(delete(points).where(points.c.grid_id == grid_id))
        connection.execute(delete(grid_contents).where(grid_contents.c.grid_id == grid_id))
        ids = connection.execute(select(runs.c.id).where(runs.c.grid_id == grid_id)).scalars().all()
        connection.execute(
            delete(runs).where(runs.c.grid_id == grid_id, runs.c.status != "running")
        )
        # on PostgreSQL one may have been claimed meanwhile
        _refuse_running(connection, grid_id)
        connection.execute(delete(configurations).where(configurations.c.grid_id == grid_id))
        connection.execute(delete(grids).where(grids.c.id == grid_id))
        data = {"name": grid.name, "runs": len(ids)}
        record_event(connection, "deleted", grid_id=grid_id, actor=actor, data=data)
    return list(ids)


def deleted_runs(database: Database, run_ids: Sequence[str]) -> list[str]:
    """Return those of the runs that were deleted from this database, not those it never had.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    grid_ids = sorted({grid_of(run_id) for run_id in run_ids})
    with database.read() as connection:
        gone = connection.execute(
            select(events.c.grid_id, events.c.run_id).where(
                events.c.kind == "deleted", among(connection, "events.grid_id", grid_ids)
            )
        ).all()
        whole = {row.grid_id for row in gone if row.run_id is None}
        single = {row.run_id for row in gone}
        said = [r for r in run_ids if r in single or grid_of(r) in whole]
        there = set(connection.scalars(select(runs.c.id).where(among(connection, "id", said))))
    return [run_id for run_id in said if run_id not in there]


def begun_runs(database: Database) -> dict[str, bool]:
    """Return, by id, whether each run that ever started has ended.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    begun = select(runs.c.id, runs.c.status).where(runs.c.attempt > 0)
    with database.read() as connection:
        return {row.id: row.status in TERMINAL for row in connection.execute(begun)}


def _refuse_running(connection: Connection, grid_id: str) -> None:
    running = connection.execute(
        select(func.count()).where(runs.c.grid_id == grid_id, text(RUNNING))
    ).scalar_one()
    if running:
        raise NotPossible(
            f"{running:,} runs of grid {grid_id} are running. Stop them first: "
            f"bptt cancel {grid_id}"
        )


def _hand_over(connection: Connection, grid_id: str) -> None:
    refer = (
        select(points.c.grid_id)
        .join(runs, runs.c.id == points.c.run_id)
        .where(runs.c.grid_id == grid_id, points.c.grid_id != grid_id)
        .distinct()
    )
    others = connection.execute(refer).scalars().all()
    if not others:
        return
    connection.execute(text(ADOPT), {"grid_id": grid_id})
    foreign = (
        select(func.count())
        .select_from(points)
        .join(runs, runs.c.id == points.c.run_id)
        .where(points.c.grid_id == grids.c.id, runs.c.grid_id != grids.c.id)
        .scalar_subquery()
    )
    connection.execute(update(grids).where(grids.c.id.in_(others)).values(reused=foreign))
