"""What the end of one run means for its grid: the gate of its first run, and its own end."""

from sqlalchemy import Connection, select, text, update

from bptt.lifecycle import Status
from bptt.store.clock import now
from bptt.store.history import record_event
from bptt.store.tables import LIVE, AnyRow, grids, runs

FIRST_FAILED = "its first run failed at once"
"""How the reason begins when a grid is held because of its first run."""


def end_if_over(connection: Connection, grid_id: str, actor: str) -> bool:
    """Mark a grid as ended if none of its runs can change any more; return whether it was.

    The caller has locked the grid. Once it has ended, the same content may be queued again.
    """
    alive = select(runs.c.status).where(runs.c.grid_id == grid_id, text(LIVE))
    # the order makes it use ix_runs_live, of which only the first entry is read
    if connection.execute(alive.order_by(runs.c.status).limit(1)).first() is not None:
        return False
    ended = connection.execute(
        update(grids)
        .where(grids.c.id == grid_id, grids.c.ended_at.is_(None))
        .values(ended_at=now(), live_key=None, canary_run_id=None, held_reason=None)
    )
    if ended.rowcount:
        record_event(connection, "grid_ended", grid_id=grid_id, actor=actor)
    return bool(ended.rowcount)


def open_gate(connection: Connection, grid_id: str, run_id: str, actor: str) -> bool:
    """Let all runs of a grid be claimed if `run_id` is the one they wait for; return if it was."""
    opened = connection.execute(
        update(grids)
        .where(grids.c.id == grid_id, grids.c.canary_run_id == run_id)
        .values(canary_run_id=None)
    )
    if opened.rowcount:
        record_event(connection, "gate_opened", grid_id=grid_id, actor=actor, run_id=run_id)
    return bool(opened.rowcount)


def hold_back(connection: Connection, grid_id: str, reason: str, actor: str) -> None:
    """Let no further run of the grid be claimed until somebody releases it."""
    connection.execute(update(grids).where(grids.c.id == grid_id).values(held_reason=reason))
    data = {"reason": reason}
    record_event(connection, "grid_held", grid_id=grid_id, actor=actor, data=data)


def first_run_left(
    connection: Connection, grid_id: str, run_id: str, status: Status, why: str, actor: str
) -> None:
    """Open the gate when the first run of a grid has left running; if it failed, hold the rest."""
    was_first = open_gate(connection, grid_id, run_id, actor)
    if was_first and status == "failed":
        hold_back(connection, grid_id, f"{FIRST_FAILED}: {why}", actor)


def try_first_again(connection: Connection, grid: AnyRow, run_id: str, actor: str) -> None:
    """Let `run_id` go ahead of a grid that is held because its first run failed at once."""
    if grid.held_reason is None or not grid.held_reason.startswith(FIRST_FAILED):
        return
    connection.execute(
        update(grids).where(grids.c.id == grid.id).values(held_reason=None, canary_run_id=run_id)
    )
    record_event(connection, "gate_closed", grid_id=grid.id, actor=actor, run_id=run_id)
