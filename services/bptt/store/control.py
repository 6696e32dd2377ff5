"""What people ask for: cancel, hold, release, and the order of their grids.

A request to stop a running run is written to its row for its owner to act on; everything else is
done at once.
"""

from typing import Any

from sqlalchemy import Connection, func, select, text, update

from bptt.errors import NotPossible
from bptt.lifecycle import WAITING, Status, StopRequest, is_terminal, sources
from bptt.store.clock import now
from bptt.store.database import Database
from bptt.store.finding import take_grid, take_run
from bptt.store.grid_state import end_if_over, hold_back
from bptt.store.history import record_event
from bptt.store.locks import lock_running
from bptt.store.moving import move_waiting
from bptt.store.numbering import LARGE
from bptt.store.tables import QUEUED, RUNNING, AnyRow, grids, runs


def cancel_grid(database: Database, grid_id: str, actor: str) -> tuple[int, int]:
    """Cancel every waiting run of a grid, and ask the running ones to stop.

    Results that the grid has from others, and those that others have from it, are not affected.

    Returns:
        How many were cancelled at once, and how many are still stopping.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
        NotPossible: it has ended.
    """
    with database.write(statement_seconds=LARGE) as connection:
        grid = take_grid(connection, grid_id)
        _refuse_ended(grid, "cancel")
        cancelled = move_waiting(connection, grid_id, "cancelled", actor=actor)
        lock_running(connection, grid_id)
        running = connection.execute(
            select(runs.c.id, runs.c.attempt, runs.c.grid_id, runs.c.stop_request)
            .where(runs.c.grid_id == grid_id, text(RUNNING))
            .order_by(runs.c.id)
        ).all()
        for run in running:
            _ask(connection, run, "cancel", actor)
        end_if_over(connection, grid_id, actor)
    return cancelled, len(running)


def cancel_run(database: Database, run_id: str, actor: str) -> Status:
    """Cancel a waiting run, or ask a running one to stop; return its new status.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotPossible: it has ended.
        RunNotFound: there is no such run.
    """
    with database.write() as connection:
        run = take_run(connection, run_id)
        _refuse_terminal(run, "cancel")
        if run.status == "running":
            _ask(connection, run, "cancel", actor)
            return "running"
        _change(connection, run, actor, "cancelled", reason=None, finished_at=now())
        end_if_over(connection, run.grid_id, actor)
    return "cancelled"


def hold_grid(database: Database, grid_id: str, actor: str) -> int:
    """Let no further run of a grid start; running ones continue.

    Returns:
        How many runs are waiting for it to be released.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
        NotPossible: it has ended or is already held.
    """
    with database.write() as connection:
        grid = take_grid(connection, grid_id)
        _refuse_ended(grid, "hold")
        if grid.held_reason is not None:
            raise NotPossible(
                f"Grid {grid_id} is held already: {grid.held_reason}. "
                f"To go on: bptt release {grid_id}"
            )
        hold_back(connection, grid_id, f"held by {actor}", actor)
        return _queued(connection, grid_id)


def release_grid(database: Database, grid_id: str, actor: str) -> int:
    """Let the runs of a grid start: release the grid and each of its held runs.

    The first run still goes ahead of the others if none has begun.

    Returns:
        How many runs are queued now.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
        NotPossible: it has ended, or nothing of it is held.
    """
    with database.write(statement_seconds=LARGE) as connection:
        grid = take_grid(connection, grid_id)
        _refuse_ended(grid, "release")
        released = move_waiting(connection, grid_id, "queued", actor=actor)
        if grid.held_reason is None and not released:
            raise NotPossible(f"Nothing of grid {grid_id} ({grid.name}) is held.")
        if grid.held_reason is not None:
            connection.execute(update(grids).where(grids.c.id == grid_id).values(held_reason=None))
            record_event(connection, "grid_released", grid_id=grid_id, actor=actor)
        return _queued(connection, grid_id)


def hold_run(database: Database, run_id: str, actor: str) -> None:
    """Keep a run from starting, or ask a running one to stop and wait.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotPossible: it has ended, is already held, or has been asked to stop for good.
        RunNotFound: there is no such run.
    """
    with database.write() as connection:
        run = take_run(connection, run_id)
        _refuse_terminal(run, "hold")
        if run.status == "held" or run.stop_request != "none":
            state = "held" if run.status == "held" else f"asked to {run.stop_request}"
            raise NotPossible(f"Run {run_id} is {state} already.")
        if run.status == "running":
            _ask(connection, run, "hold", actor)
        else:
            _change(connection, run, actor, "held", reason=f"held by {actor}")


def release_run(database: Database, run_id: str, actor: str) -> None:
    """Let a held run start, or withdraw the request that it stop and wait.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotPossible: it is not held.
        RunNotFound: there is no such run.
    """
    with database.write() as connection:
        run = take_run(connection, run_id)
        if run.status == "running" and run.stop_request == "hold":
            _ask(connection, run, "none", actor)
        elif run.status == "held":
            _change(connection, run, actor, "queued", reason=None)
        else:
            held = select(grids.c.held_reason).where(grids.c.id == run.grid_id)
            reason = connection.execute(held).scalar_one()
            also = f"; its grid is: bptt release {run.grid_id}" if reason else ""
            raise NotPossible(f"Run {run_id} is {run.status}, not held{also}.")


def set_priority(
    database: Database, grid_id: str, priority: int, urgency: int | None = None, *, actor: str
) -> None:
    """Move a grid before or after others of its user, and into another class.

    Args:
        database: the queue.
        grid_id: of the grid.
        priority: higher is earlier.
        urgency: 0 low, 1 normal, 2 urgent; None: unchanged.
        actor: who does it.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
        NotPossible: it has ended.
    """
    with database.write() as connection:
        grid = take_grid(connection, grid_id)
        _refuse_ended(grid, "put forward")
        order = {"priority": priority, "urgency": grid.urgency if urgency is None else urgency}
        connection.execute(update(grids).where(grids.c.id == grid_id).values(**order))
        record_event(connection, "priority", grid_id=grid_id, actor=actor, data=order)


def _refuse_ended(grid: AnyRow, what: str) -> None:
    if grid.ended_at is not None:
        raise NotPossible(f"Grid {grid.id} ({grid.name}) has ended: nothing is left to {what}.")


def _refuse_terminal(run: AnyRow, what: str) -> None:
    if is_terminal(run.status):
        raise NotPossible(f"Run {run.id} has ended ({run.status}): there is nothing to {what}.")


def _queued(connection: Connection, grid_id: str) -> int:
    queued = select(func.count()).where(runs.c.grid_id == grid_id, text(QUEUED))
    return int(connection.execute(queued).scalar_one())


def _ask(connection: Connection, run: AnyRow, request: StopRequest, actor: str) -> None:
    """Write what the owner should do, once; the caller has locked the run."""
    if run.stop_request == request:
        return
    connection.execute(update(runs).where(runs.c.id == run.id).values(stop_request=request))
    kind = f"{request}_requested" if request != "none" else f"{run.stop_request}_taken_back"
    _tell(connection, run, kind, actor, run.attempt)


def _change(connection: Connection, run: AnyRow, actor: str, status: Status, **values: Any) -> None:
    """Change a run that waits; the caller holds it, or a claim may come first."""
    before = sources(status, *WAITING)
    connection.execute(
        update(runs)
        .where(runs.c.id == run.id, runs.c.status.in_(before))
        .values(status=status, **values)
    )
    _tell(connection, run, status, actor)


def _tell(
    connection: Connection, run: AnyRow, kind: str, actor: str, attempt: int | None = None
) -> None:
    record_event(connection, kind, grid_id=run.grid_id, actor=actor, run_id=run.id, attempt=attempt)
