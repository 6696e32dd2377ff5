"""How much of a grid is done, in work, and how fast it was."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, func, select, text

from bptt.errors import GridNotFound
from bptt.records.work import GridWork, Measured, MeasuredRun, RunWork
from bptt.store.database import Database
from bptt.store.tables import LIVE, RUNNING, configurations, grids, points, runs

MEASURED = 1000
"""How many runs the speed is taken from."""
LOOKED_AT = 30
"""How many of the latest grids are searched for measured ones."""


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
            waiting=_waiting(connection, grid_id),
            measured=_measured(connection, grid_id),
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
    return [
        RunWork(work=row.work, step=row.step, steps=row.steps, step_seconds=row.step_seconds)
        for row in rows
    ]


def _waiting(connection: Connection, grid_id: str) -> int:
    number = select(func.count()).where(runs.c.grid_id == grid_id, text(LIVE))
    return int(connection.execute(number.where(runs.c.status != "running")).scalar() or 0)


def _measured(connection: Connection, grid_id: str) -> Measured:
    """Return what runs of this grid took."""
    some = _some(grid_id).subquery()
    done = configurations.c.work * some.c.step / func.nullif(configurations.c.steps, 0)
    whole = func.sum(configurations.c.work)
    seconds, work, all_work, number = connection.execute(
        select(
            func.sum(some.c.step_seconds * some.c.step), func.sum(done), whole, func.count()
        ).join(configurations, configurations.c.id == some.c.configuration_id)
    ).one()
    return Measured(seconds or 0.0, work or 0.0, all_work or 0.0, number)


def measured_runs(database: Database, grids_at_most: int, runs_at_most: int) -> list[MeasuredRun]:
    """Return what runs of the latest grids with successful runs took.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    found: list[MeasuredRun] = []
    latest = select(grids.c.id).order_by(grids.c.seq.desc()).limit(LOOKED_AT)
    with database.read() as connection:
        looked = 0
        for (grid_id,) in connection.execute(latest).all():
            some = _some(grid_id, runs_at_most).subquery()
            rows = connection.execute(
                select(
                    configurations.c.plugins,
                    configurations.c.cost_key,
                    some.c.step_seconds * some.c.step,
                    configurations.c.work * some.c.step / func.nullif(configurations.c.steps, 0),
                )
                .join(configurations, configurations.c.id == some.c.configuration_id)
                # what trained nothing says nothing about the speed of updates
                .where(configurations.c.steps > 0)
            ).all()
            found += [MeasuredRun(_cell(plugins), *rest) for plugins, *rest in rows]
            looked += bool(rows)
            if looked == grids_at_most:
                break
    return found


def _cell(plugins: Mapping[str, str]) -> str:
    named = (name.partition(":") for name in plugins)
    return next((name for kind, _, name in named if kind == "cell"), "")


def _some(grid_id: str, limit: int = MEASURED) -> Select[Any]:
    return (
        select(runs.c.configuration_id, runs.c.step, runs.c.step_seconds)
        .where(runs.c.grid_id == grid_id, text("is_current"), runs.c.status == "succeeded")
        .where(runs.c.step_seconds.is_not(None))
        .limit(limit)
    )
