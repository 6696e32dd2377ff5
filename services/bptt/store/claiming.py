"""The claim: one run becomes one slot's own, with a new attempt and a lease."""

import json

from sqlalchemy import Connection, insert, select, update

from bptt.content import PREFIX
from bptt.errors import DatabaseUnavailable, NotPossible
from bptt.lifecycle import sources
from bptt.records.ownership import ClaimedRun
from bptt.store.choosing import count_claimable, next_run
from bptt.store.clock import now, read_clock
from bptt.store.content import contents_of_grid
from bptt.store.database import Database
from bptt.store.history import record_event
from bptt.store.locks import lock_claims
from bptt.store.tables import AnyRow, attempts, configurations, grids, runs, workers

TRIES = 5
"""How often to choose again if somebody cancels the chosen run at that moment."""


def claim(
    database: Database, *, worker_id: str, slot: int, lease_seconds: float
) -> ClaimedRun | None:
    """Take the next run for one slot.

    Args:
        database: the queue.
        worker_id: a registered worker.
        slot: which of its slots, from 0.
        lease_seconds: how long the run stays the slot's own without a renewal.

    Returns:
        None if no run may start now.

    Raises:
        DatabaseUnavailable: the database does not answer; if a run was taken nevertheless, it
            goes back to the queue when its lease ends.
        NotPossible: the worker is not registered, or has been removed.
    """
    claimed: ClaimedRun | None = None
    try:
        with database.write() as connection:
            # in a statement of its own, before anything is read
            lock_claims(connection)
            claimed = _claim(connection, worker_id, slot, lease_seconds)
    except DatabaseUnavailable:
        # it may have been committed and only the answer lost
        if claimed is None or not _owns(database, claimed, worker_id):
            raise
    return claimed


def claimable(database: Database) -> int:
    """Return how many queued runs free slots could start now; stops counting at 1000.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        return count_claimable(connection)


def _claim(
    connection: Connection, worker_id: str, slot: int, lease_seconds: float
) -> ClaimedRun | None:
    worker = connection.execute(
        select(workers).where(workers.c.id == worker_id, workers.c.removed_at.is_(None))
    ).one_or_none()
    if worker is None:
        raise NotPossible(f"The worker {worker_id} is not registered, so it cannot claim a run.")
    for _ in range(TRIES):
        if (seq := next_run(connection)) is None:
            return None
        run = connection.execute(select(runs).where(runs.c.seq == seq)).one_or_none()
        # its grid may have been deleted since
        if run is not None and _take(connection, run, worker_id, slot, lease_seconds):
            _begin_attempt(connection, run, worker, slot)
            return _describe(connection, run)
    return None


def _take(
    connection: Connection,
    run: AnyRow,
    worker_id: str,
    slot: int,
    lease_seconds: float,
) -> bool:
    taken = connection.execute(
        update(runs)
        .where(runs.c.id == run.id, runs.c.attempt == run.attempt)
        .where(runs.c.status.in_(sources("running")))
        .values(
            status="running",
            attempt=run.attempt + 1,
            worker_id=worker_id,
            slot=slot,
            lease_expires_at=now() + lease_seconds,
            started_at=now() if run.started_at is None else run.started_at,
            reason=None,
            mlflow="pending",
        )
    )
    return bool(taken.rowcount)


def _begin_attempt(
    connection: Connection,
    run: AnyRow,
    worker: AnyRow,
    slot: int,
) -> None:
    connection.execute(
        insert(attempts).values(
            run_id=run.id,
            attempt=run.attempt + 1,
            worker_id=worker.id,
            worker=f"{worker.host}:{worker.pid}",
            slot=slot,
            started_at=read_clock(connection),
            first_step=run.checkpoint_step,
            last_step=run.checkpoint_step,
        )
    )
    record_event(
        connection,
        "running",
        grid_id=run.grid_id,
        actor=worker.id,
        run_id=run.id,
        attempt=run.attempt + 1,
        data={"worker": f"{worker.host}:{worker.pid}", "slot": slot},
    )


def _describe(connection: Connection, run: AnyRow) -> ClaimedRun:
    grid = connection.execute(
        select(grids.c.project, grids.c.axes, grids.c.code).where(grids.c.id == run.grid_id)
    ).one()
    shared = connection.execute(
        select(configurations).where(configurations.c.id == run.configuration_id)
    ).one()
    varies_seed = any(axis["path"] == "seed" for axis in grid.axes)
    return ClaimedRun(
        run_id=run.id,
        attempt=run.attempt + 1,
        grid_id=run.grid_id,
        number=run.number,
        name=run.name,
        project=grid.project,
        user=run.user_name,
        spec=json.loads(shared.spec) | {"seed": run.seed},
        plugins=shared.plugins,
        code=grid.code,
        data=shared.data,
        identity=run.identity,
        values=shared.axis_values | ({"seed": run.seed} if varies_seed else {}),
        config=shared.config,
        created_at=run.created_at,
        checkpoint_step=run.checkpoint_step,
        retry_of=run.retry_of,
        # an extra look-up only for those that read a file
        files=contents_of_grid(connection, run.grid_id) if PREFIX in shared.spec else {},
    )


def _owns(database: Database, claimed: ClaimedRun, worker_id: str) -> bool:
    with database.read() as connection:
        row = connection.execute(
            select(runs.c.attempt, runs.c.worker_id).where(runs.c.id == claimed.run_id)
        ).one_or_none()
    return row is not None and (row.attempt, row.worker_id) == (claimed.attempt, worker_id)
