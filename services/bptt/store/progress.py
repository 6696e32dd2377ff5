"""How much of a grid is done, in work, and how fast it was."""

from sqlalchemy import Connection, func, select, text

from bptt.errors import GridNotFound
from bptt.store.database import Database
from bptt.store.records import GridWork, RunWork
from bptt.store.tables import LIVE, RUNNING, configurations, grids, points, runs

MEASURED = 1000
"""Runs whose speed is looked at."""


def grid_work(database: Database, grid_id: str) -> GridWork:
    """Return the work of a grid's points, and what was measured on those that succeeded.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
    """
    with database.read() as connection:
        if connection.execute(select(grids.c.id).where(grids.c.id == grid_id)).first() is None:
            raise GridNotFound(f"There is no grid {grid_id}.")
        total, live = _total(connection, grid_id), _live(connection, grid_id)
        return GridWork(
            total_work=total,
            done_work=max(total - live, 0.0),
            running=_running(connection, grid_id),
            seconds_per_flop=_pace(connection, grid_id),
        )


def _total(connection: Connection, grid_id: str) -> float:
    """Return the work of all points; counted by configuration, from an index alone."""
    number = (
        select(func.count())
        .where(points.c.configuration_id == configurations.c.id)
        .scalar_subquery()
    )
    total = select(func.sum(configurations.c.work * number))
    return float(connection.execute(total.where(configurations.c.grid_id == grid_id)).scalar() or 0)


def _live(connection: Connection, grid_id: str) -> float:
    """Return the work of the runs that have not ended."""
    number = (
        select(runs.c.configuration_id, func.count().label("runs"))
        .where(runs.c.grid_id == grid_id, text(LIVE))
        .group_by(runs.c.configuration_id)
        .subquery()
    )
    live = select(func.sum(configurations.c.work * number.c.runs)).join(
        number, number.c.configuration_id == configurations.c.id
    )
    return float(connection.execute(live).scalar() or 0)


def _running(connection: Connection, grid_id: str) -> list[RunWork]:
    rows = connection.execute(
        select(configurations.c.work, runs.c.step, configurations.c.steps, runs.c.step_seconds)
        .join(configurations, configurations.c.id == runs.c.configuration_id)
        .where(runs.c.grid_id == grid_id, text(RUNNING))
        .order_by(runs.c.number)
    )
    return [RunWork(*row) for row in rows]


def _pace(connection: Connection, grid_id: str) -> float | None:
    """Return the seconds per floating point operation of runs of this grid."""
    some = (
        select(runs.c.configuration_id, runs.c.step, runs.c.step_seconds)
        .where(runs.c.grid_id == grid_id, text("is_current"), runs.c.status == "succeeded")
        .where(runs.c.step_seconds.is_not(None))
        .limit(MEASURED)
        .subquery()
    )
    work = configurations.c.work * some.c.step / configurations.c.steps
    seconds, flops = connection.execute(
        select(func.sum(some.c.step_seconds * some.c.step), func.sum(work)).join(
            configurations, configurations.c.id == some.c.configuration_id
        )
    ).one()
    return seconds / flops if flops else None
