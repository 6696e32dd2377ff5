"""Grids written straight into the tables, as small as the tests of the claim need them."""

import json
from typing import Any

from sqlalchemy import func, insert, select, update

from bptt.records.workers import WorkerProcess
from bptt.store import Database, ensure_user, register_worker
from bptt.store.clock import now
from bptt.store.database import Connection
from bptt.store.history import record_event
from bptt.store.tables import configurations, grids, points, runs, users


def put_grid(
    database: Database,
    grid_id: str,
    *,
    size: int = 1,
    user: str = "ada",
    canary: bool = False,
    status: str = "queued",
    **columns: Any,
) -> list[str]:
    """Queue a grid of `size` points; return the ids of its runs, in order."""
    ensure_user(database, user)
    with database.write(statement_seconds=120) as connection:
        first = _next(connection, runs.c.seq)
        ids = [f"{grid_id}-{number}" for number in range(size)]
        grid = {"id": grid_id, "seq": _next(connection, grids.c.seq), "user_name": user}
        grid |= {"name": grid_id, "project": "p", "source": "", "filename": "f.yaml"}
        grid |= {"overrides": [], "axes": [], "points": size, "reused": 0, "live_key": grid_id}
        grid |= {"canary_run_id": ids[0] if canary else None}
        connection.execute(insert(grids).values(created_at=now(), **(grid | columns)))
        shared = {"grid_id": grid_id, "spec": json.dumps({"seed": 0}), "plugins": {}, "data": ""}
        shared |= {"axis_values": {}, "config": "c", "cost_key": "k", "steps": 9, "work": 1.0}
        configuration = connection.execute(
            insert(configurations).values(**shared).returning(configurations.c.id)
        ).scalar_one()
        at = connection.execute(select(now())).scalar_one()
        point = {"grid_id": grid_id, "configuration_id": configuration}
        rows = [
            point | {"number": n, "seed": n, "identity": f"i-{run_id}", "name": f"r{n}"}
            for n, run_id in enumerate(ids)
        ]
        made = [
            row
            | {"id": run_id, "seq": first + n, "status": status}
            | {"user_name": user, "created_at": at}
            for n, (run_id, row) in enumerate(zip(ids, rows, strict=True))
        ]
        connection.execute(insert(runs), made)
        pointed = [row | {"run_id": run_id} for run_id, row in zip(ids, rows, strict=True)]
        connection.execute(insert(points), pointed)
        record_event(connection, "submitted", grid_id=grid_id, actor=user)
    return ids


def _next(connection: Connection, column: Any) -> int:
    return int(connection.execute(select(func.coalesce(func.max(column), 0) + 1)).scalar_one())


def put_worker(database: Database, worker_id: str) -> str:
    """Register a worker of one host."""
    register_worker(
        database,
        WorkerProcess(
            worker_id=worker_id,
            host="host",
            boot_id="boot",
            pid=1,
            pid_started=1.0,
            slots=2,
            version="0",
        ),
    )
    return worker_id


def limit(database: Database, user: str, **columns: Any) -> None:
    """Set a user's `max_running` or `weight`."""
    ensure_user(database, user)
    with database.write() as connection:
        connection.execute(update(users).where(users.c.name == user).values(**columns))


def expire(database: Database, run_id: str) -> None:
    """Let the lease of a running run be over."""
    with database.write() as connection:
        connection.execute(
            update(runs)
            .where(runs.c.id == run_id, runs.c.status == "running")
            .values(lease_expires_at=1.0)
        )


def row_of(database: Database, table: Any, **key: Any) -> Any:
    """Return one row."""
    with database.read() as connection:
        statement = select(table).filter_by(**key)
        return connection.execute(statement).one()


def rows_of(database: Database, table: Any, *order: Any) -> list[Any]:
    """Return every row."""
    with database.read() as connection:
        return list(connection.execute(select(table).order_by(*order)).all())
