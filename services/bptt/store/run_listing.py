"""Runs as people see them: one by one, with their attempts and their history."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Join, Select, or_, select, text

from bptt.errors import RunNotFound
from bptt.lifecycle import OUTCOMES, WISHES, Standing
from bptt.records.runs import Attempt, Event, MissingPoint, Run
from bptt.store import tables
from bptt.store.database import Database
from bptt.store.tables import AnyRow, configurations, grids, points, runs, workers

PAGE = 10_000
"""How many runs are read at once."""

OF_RUN = [
    runs.c.id,
    runs.c.seed,
    runs.c.user_name,
    runs.c.status,
    runs.c.stop_request,
    runs.c.attempt,
    runs.c.step,
    runs.c.step_seconds,
    runs.c.created_at,
    runs.c.started_at,
    runs.c.finished_at,
    runs.c.result,
    runs.c.failure,
    runs.c.reason,
    runs.c.retry_of,
    runs.c.mlflow,
    runs.c.mlflow_run_id,
    runs.c.ship_trouble,
    workers.c.host,
    workers.c.pid,
    configurations.c.config,
    configurations.c.axis_values,
    configurations.c.steps,
    configurations.c.work,
]


def list_runs(
    database: Database,
    *,
    grid_id: str | None = None,
    status: Standing | Collection[Standing] | None = None,
    limit: int = 100,
    after: str | None = None,
) -> list[Run]:
    """Return the runs that serve the points of a grid, in its order, or the newest of all.

    Points whose run was deleted are left out, and so are runs that were replaced.

    Args:
        database: the queue.
        grid_id: of the grid; None: runs of all grids, the newest first.
        status: only runs with this status, or one of these; outcomes (`solved`) and requests
            (`cancelling`) count as well.
        limit: how many at most.
        after: the last run of the previous page.

    Raises:
        DatabaseUnavailable: the database does not answer.
        RunNotFound: there is no run `after`, or it is not of this grid.
    """
    chosen = (status,) if isinstance(status, str) else status
    with database.read() as connection:
        if grid_id is None:
            return _list_all(connection, chosen, limit, after)
        if chosen is not None and not {"succeeded", *OUTCOMES} & set(chosen):
            # only results are reused: all others are the grid's own, and an index has them
            statement, order = _of_runs().where(text("runs.is_current")), runs.c
        else:
            statement, order = _of_points(), points.c
        statement = statement.where(order.grid_id == grid_id).order_by(order.number).limit(limit)
        if after is not None:
            statement = statement.where(order.number > _number(connection, grid_id, after))
        if chosen is not None:
            statement = statement.where(_stand(chosen))
        return _as_records(connection, connection.execute(statement).all())


def every_point(database: Database, grid_id: str) -> list[Run | MissingPoint]:
    """Return the runs of all points of a grid in its order, and then those that have none.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    found: list[Run | MissingPoint] = []
    after = None
    while page := list_runs(database, grid_id=grid_id, limit=PAGE, after=after):
        found += page
        after = page[-1].run_id
        if len(page) < PAGE:
            break
    return found + missing_points(database, grid_id)


def missing_points(database: Database, grid_id: str) -> list[MissingPoint]:
    """Return the points of a grid whose run was deleted, in its order.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    of_point = [points.c.name, points.c.seed, configurations.c.config, configurations.c.axis_values]
    statement = (
        select(*of_point)
        .join(configurations, configurations.c.id == points.c.configuration_id)
        .where(points.c.grid_id == grid_id, points.c.run_id.is_(None))
        .order_by(points.c.number)
    )
    with database.read() as connection:
        return [
            MissingPoint(row.name, row.config, row.seed, {**row.axis_values, "seed": row.seed})
            for row in connection.execute(statement)
        ]


def get_run(database: Database, run_id: str) -> Run:
    """Return one run, as the point of the grid it was made for.

    Raises:
        DatabaseUnavailable: the database does not answer.
        RunNotFound: there is no such run.
    """
    with database.read() as connection:
        rows = connection.execute(_of_runs().where(runs.c.id == run_id)).all()
        if not rows:
            raise RunNotFound(f"There is no run {run_id}.")
        return _as_records(connection, rows)[0]


def attempts(database: Database, run_id: str) -> list[Attempt]:
    """Return the attempts of a run, the first one first.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    names = list(Attempt.__dataclass_fields__)
    with database.read() as connection:
        rows = connection.execute(
            select(*(tables.attempts.c[name] for name in names))
            .where(tables.attempts.c.run_id == run_id)
            .order_by(tables.attempts.c.attempt)
        ).all()
    return [Attempt(**row._mapping) for row in rows]


def events(
    database: Database, *, run_id: str | None = None, grid_id: str | None = None
) -> list[Event]:
    """Return the history of a run, of a grid with all its runs, or of everything; oldest first.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    names = list(Event.__dataclass_fields__)
    statement = select(*(tables.events.c[name] for name in names)).order_by(tables.events.c.id)
    if run_id is not None:
        statement = statement.where(tables.events.c.run_id == run_id, text("run_id IS NOT NULL"))
    if grid_id is not None:
        statement = statement.where(tables.events.c.grid_id == grid_id)
    with database.read() as connection:
        return [Event(**row._mapping) for row in connection.execute(statement)]


def _list_all(
    connection: Connection, status: Collection[Standing] | None, limit: int, after: str | None
) -> list[Run]:
    statement = _of_runs().where(text("runs.is_current"))
    if status is not None:
        statement = statement.where(_stand(status))
    if after is not None:
        seq = connection.execute(select(runs.c.seq).where(runs.c.id == after)).scalar()
        if seq is None:
            raise RunNotFound(f"There is no run {after}.")
        statement = statement.where(runs.c.seq < seq)
    rows = connection.execute(statement.order_by(runs.c.seq.desc()).limit(limit)).all()
    return _as_records(connection, rows)


def _stand(words: Collection[Standing]) -> ColumnElement[bool]:
    """Say which runs a listing describes with one of these words."""
    statuses = [word for word in words if word not in OUTCOMES and word not in WISHES]
    outcomes = [word for word in words if word in OUTCOMES]
    wishes = [request for word, request in WISHES.items() if word in words]
    wished = (runs.c.status == "running") & runs.c.stop_request.in_(wishes)
    return or_(runs.c.status.in_(statuses), runs.c.outcome.in_(outcomes), wished)


def _number(connection: Connection, grid_id: str, run_id: str) -> int:
    of_run = select(points.c.number).where(points.c.grid_id == grid_id, points.c.run_id == run_id)
    number = connection.execute(of_run).scalar()
    if number is None:
        raise RunNotFound(f"Grid {grid_id} has no run {run_id}.")
    return int(number)


def _with_worker(start: Join) -> Join:
    return start.outerjoin(workers, workers.c.id == runs.c.worker_id)


def _of_points() -> Select[Any]:
    """Select runs as points of a grid, which may have been run for another one."""
    start = points.join(runs, runs.c.id == points.c.run_id).join(
        configurations, configurations.c.id == points.c.configuration_id
    )
    of_point = [points.c.grid_id, points.c.number, points.c.name]
    return select(*OF_RUN, *of_point).select_from(_with_worker(start))


def _of_runs() -> Select[Any]:
    """Select runs as points of the grids they were made for."""
    start = runs.join(configurations, configurations.c.id == runs.c.configuration_id)
    of_run = [runs.c.grid_id, runs.c.number, runs.c.name]
    return select(*OF_RUN, *of_run).select_from(_with_worker(start))


def _as_records(connection: Connection, rows: Sequence[AnyRow]) -> list[Run]:
    of_grids = select(grids.c.id, grids.c.axes).where(grids.c.id.in_({r.grid_id for r in rows}))
    vary_seed = {
        grid.id
        for grid in connection.execute(of_grids)
        if any(axis["path"] == "seed" for axis in grid.axes)
    }
    return [_as_record(row, row.grid_id in vary_seed) for row in rows]


def _as_record(row: AnyRow, varies_seed: bool) -> Run:
    return Run(
        run_id=row.id,
        grid_id=row.grid_id,
        number=row.number,
        name=row.name,
        config=row.config,
        seed=row.seed,
        values=row.axis_values | ({"seed": row.seed} if varies_seed else {}),
        user=row.user_name,
        status=row.status,
        stop_request=row.stop_request,
        attempt=row.attempt,
        step=row.step,
        steps=row.steps,
        step_seconds=row.step_seconds,
        worker=None if row.host is None else f"{row.host}:{row.pid}",
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        result=row.result,
        failure=row.failure,
        reason=row.reason,
        retry_of=row.retry_of,
        mlflow=row.mlflow,
        mlflow_run_id=row.mlflow_run_id,
        ship_trouble=row.ship_trouble,
        work=row.work,
    )
