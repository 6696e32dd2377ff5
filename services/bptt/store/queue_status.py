"""The queue as a whole, and the place of one run in it."""

from sqlalchemy import Connection, func, select, text

from bptt.errors import RunNotFound
from bptt.lifecycle import STATUSES
from bptt.records.workers import QueueStatus, Worker
from bptt.store.choosing import count_claimable
from bptt.store.clock import now
from bptt.store.database import Database
from bptt.store.tables import QUEUED, RUNNING, AnyRow, grids, runs, users, workers
from bptt.store.workers import as_worker

SILENT = 90.0
"""Seconds after which a silent worker no longer counts."""


def queue_status(database: Database) -> QueueStatus:
    """Return how many runs have which status, and the workers that are up.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    by_status = (
        select(runs.c.status, func.count().label("number"))
        .where(text("is_current"))
        .group_by(runs.c.status)
    )
    with database.read() as connection:
        counts = {row.status: row.number for row in connection.execute(by_status)}
        return QueueStatus(
            counts={status: counts[status] for status in STATUSES if status in counts},
            claimable=count_claimable(connection),
            workers=_workers(connection),
        )


def position(database: Database, run_id: str) -> tuple[int, str]:
    """Return roughly how many queued runs come before a run, and why it waits.

    Users take turns, so every other user counts with as many runs as the run's own user has before
    it.

    Raises:
        DatabaseUnavailable: the database does not answer.
        RunNotFound: there is no such run.
    """
    with database.read() as connection:
        row = connection.execute(
            select(runs.c.id, runs.c.seq, runs.c.status, runs.c.reason, runs.c.grid_id)
            .add_columns(grids.c.user_name, grids.c.urgency, grids.c.priority)
            .add_columns(grids.c.held_reason, grids.c.canary_run_id, grids.c.seq.label("grid_seq"))
            .join(grids, grids.c.id == runs.c.grid_id)
            .where(runs.c.id == run_id)
        ).one_or_none()
        if row is None:
            raise RunNotFound(f"There is no run {run_id}.")
        if row.status == "held":
            return 0, row.reason or "it is held"
        if row.status != "queued":
            return 0, f"it is {row.status}"
        before = _before(connection, row)
        return before, _hindrance(connection, row) or f"{_ordinal(before + 1)} in the queue"


def _workers(connection: Connection) -> tuple[Worker, ...]:
    busy = (
        select(func.count())
        .where(runs.c.worker_id == workers.c.id, text(RUNNING))
        .scalar_subquery()
    )
    rows = connection.execute(
        select(workers, busy.label("busy"))
        # one whose last sign of life lies in the future has been silent since the clock was set
        # back
        .where(workers.c.removed_at.is_(None))
        .where(workers.c.beat_at.between(now() - SILENT, now() + SILENT))
        .order_by(workers.c.registered_at, workers.c.id)
    )
    return tuple(as_worker(row) for row in rows)


def _before(connection: Connection, run: AnyRow) -> int:
    waiting = select(
        grids.c.user_name,
        grids.c.urgency,
        grids.c.priority,
        grids.c.seq,
        select(func.count())
        .where(runs.c.grid_id == grids.c.id, text(QUEUED))
        .scalar_subquery()
        .label("queued"),
    ).where(text("ended_at IS NULL"), grids.c.held_reason.is_(None), grids.c.id != run.grid_id)
    same = select(func.count()).where(
        runs.c.grid_id == run.grid_id, text(QUEUED), runs.c.seq < run.seq
    )
    others = connection.execute(waiting).all()
    own = int(connection.execute(same).scalar_one())
    rank = (-run.urgency, -run.priority, run.grid_seq)
    urgent, equal = 0, dict[str, int]()
    for grid in others:
        if grid.user_name == run.user_name:
            own += grid.queued if (-grid.urgency, -grid.priority, grid.seq) < rank else 0
        elif grid.urgency > run.urgency:
            urgent += grid.queued
        elif grid.urgency == run.urgency:
            equal[grid.user_name] = equal.get(grid.user_name, 0) + grid.queued
    return own + urgent + sum(min(queued, own) for queued in equal.values())


def _hindrance(connection: Connection, run: AnyRow) -> str | None:
    """Say what keeps a queued run from starting, whatever its place."""
    if run.held_reason is not None:
        return f"its grid is held: {run.held_reason}"
    canary = select(runs.c.status).where(runs.c.id == run.canary_run_id)
    if run.id != run.canary_run_id and connection.execute(canary).scalar() in ("queued", "running"):
        return f"waits for the grid's first run, {run.canary_run_id}"
    limits = select(users.c.max_running, users.c.disabled_at).where(users.c.name == run.user_name)
    most, disabled_at = connection.execute(limits).one()
    if disabled_at is not None:
        return f"the user {run.user_name} is disabled"
    running = select(func.count()).where(runs.c.user_name == run.user_name, text(RUNNING))
    if most is not None and connection.execute(running).scalar_one() >= most:
        return f"your limit of {most:,} running runs is reached"
    up = _workers(connection)
    if not up:
        return "no worker is up"
    if any(worker.takes_runs for worker in up):
        return None
    return next((w.trouble for w in up if w.trouble), "every worker is about to stop")


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{'th' if number % 100 in (11, 12, 13) else ending}"
