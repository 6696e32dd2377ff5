"""The one transaction in which a run leaves the status running, no matter who ends it."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, select, true, update

from bptt.lifecycle import TERMINAL, sources
from bptt.records.ownership import Ended
from bptt.store.clock import now, read_clock
from bptt.store.departure import Departure, Owned
from bptt.store.grid_state import end_if_over, first_run_left, hold_back
from bptt.store.history import record_event
from bptt.store.locks import lock_grid, lock_run
from bptt.store.tables import AnyRow, attempts, runs
from bptt.store.users import add_usage


def leave(
    connection: Connection,
    run_id: str,
    attempt: int,
    decide: Callable[[Owned], Departure],
    *,
    actor: str | None = None,
    guard: ColumnElement[bool] | None = None,
) -> Ended | None:
    """Take a run from its owner as `decide` says, and do all that follows from it.

    Args:
        connection: of a writing transaction that holds no lock yet.
        run_id: of the run.
        attempt: must still own the run.
        decide: what becomes of it.
        actor: who does it; None: the owner itself.
        guard: an additional condition on the row.

    Returns:
        None if the attempt no longer owns the run: nothing was changed.
    """
    grid = connection.execute(select(runs.c.grid_id).where(runs.c.id == run_id)).scalar()
    if grid is None:
        return None
    lock_grid(connection, grid)
    run = lock_run(connection, run_id)
    if run is None or not _take(connection, run, attempt, departure := decide(_owned(run)), guard):
        return None
    actor = actor or str(run.worker_id)
    _close_attempt(connection, run, attempt, departure)
    _tell(connection, run, attempt, departure, actor)
    ends = departure.status in TERMINAL
    if departure.holds_grid:
        # its first run stays the first
        hold_back(connection, grid, str(departure.reason), actor)
        return Ended(run_id, attempt, departure.status)
    if not (ends and end_if_over(connection, grid, actor)):
        why = departure.failure or {}
        first = f"{why.get('cause')}: {why.get('message')}"
        first_run_left(connection, grid, run_id, departure.status, first, actor)
    return Ended(run_id, attempt, departure.status)


def _take(
    connection: Connection,
    run: AnyRow,
    attempt: int,
    departure: Departure,
    guard: ColumnElement[bool] | None,
) -> bool:
    result = departure.result
    before = sources(departure.status, "running")
    taken = connection.execute(
        update(runs)
        .where(runs.c.id == run.id, runs.c.attempt == attempt)
        .where(runs.c.status.in_(before))
        .where(true() if guard is None else guard)
        .values(
            status=departure.status,
            stop_request="none",
            reason=departure.reason,
            worker_id=None,
            slot=None,
            lease_expires_at=None,
            step=_last_step(run, departure),
            step_seconds=_step_seconds(run, departure),
            outcome=None if result is None else result.get("outcome"),
            result=result,
            failure=departure.failure,
            finished_at=now() if departure.status in TERMINAL else None,
            **departure.losses,
        )
    )
    return bool(taken.rowcount)


def _close_attempt(connection: Connection, run: AnyRow, attempt: int, departure: Departure) -> None:
    at = read_clock(connection)
    this = (attempts.c.run_id == run.id, attempts.c.attempt == attempt)
    started = connection.execute(select(attempts.c.started_at).where(*this)).scalar_one()
    connection.execute(
        update(attempts)
        .where(*this)
        .values(
            ended_at=at,
            outcome=departure.ending,
            exit_code=departure.exit_code,
            signal=departure.signal,
            last_step=_last_step(run, departure),
        )
    )
    add_usage(connection, run.user_name, at - started, at)


def _tell(
    connection: Connection,
    run: AnyRow,
    attempt: int,
    departure: Departure,
    actor: str,
) -> None:
    data = {
        "ending": departure.ending,
        "reason": departure.reason,
        "cause": (departure.failure or {}).get("cause"),
        "exit_code": departure.exit_code,
        "signal": departure.signal,
        "step": _last_step(run, departure),
    }
    record_event(
        connection,
        departure.status,
        grid_id=run.grid_id,
        actor=actor,
        run_id=run.id,
        attempt=attempt,
        data={name: value for name, value in data.items() if value is not None},
    )


def _last_step(run: AnyRow, departure: Departure) -> int:
    return int(run.step if departure.last_step is None else departure.last_step)


def _step_seconds(run: AnyRow, departure: Departure) -> float | None:
    """Return the mean over all updates: the last renewal may have known only the first one."""
    result, step = departure.result or {}, _last_step(run, departure)
    reported: float | None = run.step_seconds
    seconds = result.get("seconds", 0.0) - result.get("preparation_seconds", 0.0)
    return seconds / step if seconds > 0 and step else reported


def _owned(run: AnyRow) -> Owned:
    return Owned(run.id, run.stop_request, run.losses, run.loss_step, run.checkpoint_step)
