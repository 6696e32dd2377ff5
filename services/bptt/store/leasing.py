"""Leases: how a worker keeps its runs, and learns which of them it should stop."""

from collections.abc import Sequence

from sqlalchemy import Connection, case, select, text, update

from bptt.lifecycle import StopRequest
from bptt.records.ownership import Beat, OwnedRun
from bptt.store.clock import now
from bptt.store.database import Database
from bptt.store.grid_state import open_gate
from bptt.store.locks import lock_grid, lock_runs
from bptt.store.tables import RUNNING, attempts, grids, runs


def renew(
    database: Database, worker_id: str, beats: Sequence[Beat], lease_seconds: float
) -> dict[str, StopRequest]:
    """Renew the leases of all runs of a worker, and record how far they are.

    An expired lease is renewed too, as long as nobody has taken the run.

    Args:
        database: the queue.
        worker_id: whose runs they are.
        beats: one per run that the worker believes it owns.
        lease_seconds: from now on, by the database's clock.

    Returns:
        What is asked of each run that the worker still owns. A missing one belongs to somebody
        else or has ended: its process must be killed, and nothing it did counts.

    Raises:
        DatabaseUnavailable: the database does not answer; the leases are as they were.
    """
    if not beats:
        return {}
    with database.write(durable=False) as connection:
        waited_for = _lock(connection, beats)
        owned = {
            beat.run_id: request
            for beat in sorted(beats, key=lambda beat: beat.run_id)
            if (request := _renew(connection, worker_id, beat, lease_seconds)) is not None
        }
        _correct_beginnings(connection, [beat for beat in beats if beat.run_id in owned])
        for run_id, grid_id in waited_for.items():
            if run_id in owned:
                open_gate(connection, grid_id, run_id, worker_id)
    return owned


def stop_requests(database: Database, worker_id: str) -> list[OwnedRun]:
    """Return the runs that a worker owns and what is asked of each; cheap enough for every second.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        rows = connection.execute(
            select(runs.c.id, runs.c.attempt, runs.c.stop_request)
            .where(runs.c.worker_id == worker_id, text(RUNNING))
            .order_by(runs.c.id)
        ).all()
    return [OwnedRun(row.id, row.attempt, row.stop_request, worker_id) for row in rows]


def _lock(connection: Connection, beats: Sequence[Beat]) -> dict[str, str]:
    """Lock the runs, and before them the grids that wait for one; return those grids by run."""
    begun = [beat.run_id for beat in beats if beat.step > 0]
    waiting = connection.execute(
        select(runs.c.id, runs.c.grid_id)
        .join(grids, grids.c.id == runs.c.grid_id)
        .where(runs.c.id.in_(begun), grids.c.canary_run_id == runs.c.id)
        .order_by(runs.c.grid_id)
    ).all()
    for row in waiting:
        lock_grid(connection, row.grid_id)
    lock_runs(connection, [beat.run_id for beat in beats])
    return {row.id: row.grid_id for row in waiting}


def _correct_beginnings(connection: Connection, beats: Sequence[Beat]) -> None:
    """Record where attempts began whose checkpoint is not the one the database knows."""
    for beat in beats:
        if beat.first_step is not None:
            connection.execute(
                update(attempts)
                .where(attempts.c.run_id == beat.run_id, attempts.c.attempt == beat.attempt)
                .values(first_step=beat.first_step)
            )


def _renew(
    connection: Connection, worker_id: str, beat: Beat, lease_seconds: float
) -> StopRequest | None:
    further = runs.c.checkpoint_step < beat.checkpoint_step
    request: StopRequest | None = connection.execute(
        update(runs)
        .where(runs.c.id == beat.run_id, runs.c.attempt == beat.attempt)
        .where(runs.c.worker_id == worker_id, runs.c.status == "running")
        .values(
            lease_expires_at=now() + lease_seconds,
            step=beat.step,
            checkpoint_step=case((further, beat.checkpoint_step), else_=runs.c.checkpoint_step),
            step_seconds=runs.c.step_seconds if beat.step_seconds is None else beat.step_seconds,
        )
        .returning(runs.c.stop_request)
    ).scalar()
    return request
