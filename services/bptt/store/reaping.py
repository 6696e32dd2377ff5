"""Taking runs from owners that are gone; every worker does it, and all may do so at once."""

import math
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, select, text, update

from bptt.records.ownership import Ended, Failure, Lease
from bptt.store import departure
from bptt.store.clock import NOW, now
from bptt.store.database import Database
from bptt.store.departure import Departure, Owned
from bptt.store.leaving import leave
from bptt.store.tables import RUNNING, AnyRow, runs, workers

ACTOR = "reaper"
JUST_STARTED = text(
    f"SELECT extract(epoch FROM pg_postmaster_start_time()) + :lease_seconds > {NOW['postgresql']}"
)


def reap(database: Database, *, lease_seconds: float, not_after: float = math.inf) -> list[Ended]:
    """End the attempts whose lease has expired, each run in a transaction of its own.

    Nothing is taken during the first lease after PostgreSQL has started: while it was down no owner
    could renew. SQLite has no server that could be down.

    Args:
        database: the queue.
        lease_seconds: how long a lease lasts.
        not_after: nothing is taken once the database's clock shows more: then it was set, and
            owners have had no time to renew.

    Raises:
        DatabaseUnavailable: the database does not answer; the next call goes on.
    """
    over = runs.c.lease_expires_at < now()
    if not_after < math.inf:
        over = and_(over, now() <= not_after)
    with database.read() as connection:
        if _just_started(connection, lease_seconds):
            return []
        expired = connection.execute(
            select(runs.c.id, runs.c.attempt, runs.c.worker_id).where(text(RUNNING), over)
        ).all()
    # the owner may renew or end it, or the clock be set, before we come to it
    return _take_all(database, expired, "expired", "its worker fell silent", over)


def leases_of_the_future(database: Database) -> list[Lease]:
    """Return the leases of workers whose last sign of life lies in the future.

    The database's clock has been set back since, so such a lease seems valid for all that time.
    Live workers renew it by the new time; see `reap_unrenewed` for the others.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        found = connection.execute(
            select(runs.c.id, runs.c.attempt, runs.c.worker_id, runs.c.lease_expires_at)
            .join(workers, workers.c.id == runs.c.worker_id)
            .where(text("runs." + RUNNING), workers.c.beat_at > now())
        ).all()
    return [
        Lease(
            id=row.id,
            attempt=row.attempt,
            worker_id=row.worker_id,
            lease_expires_at=row.lease_expires_at,
        )
        for row in found
    ]


def reap_unrenewed(
    database: Database, leases: Sequence[Lease], *, lease_seconds: float
) -> list[Ended]:
    """End attempts whose leases have not been renewed for the length of one, by the caller's clock.

    Args:
        database: the queue.
        leases: what they were when the caller began to watch them.
        lease_seconds: how long a lease lasts; as in `reap`, PostgreSQL must have been up longer.

    Raises:
        DatabaseUnavailable: the database does not answer; the next call goes on.
    """
    if not leases:
        return []
    with database.read() as connection:
        if _just_started(connection, lease_seconds):
            return []
    ended: list[Ended] = []
    for lease in leases:
        guard = runs.c.lease_expires_at == lease.lease_expires_at
        ended += _take_all(database, [lease], "expired", "its worker fell silent", guard)
    return ended


def reap_workers(database: Database, worker_ids: Sequence[str]) -> list[Ended]:
    """End the attempts of workers known to be dead, without waiting for their leases.

    Args:
        database: the queue.
        worker_ids: workers whose processes were seen to be gone; they are removed too.

    Raises:
        DatabaseUnavailable: the database does not answer; the next call goes on.
    """
    with database.read() as connection:
        owned = connection.execute(
            select(runs.c.id, runs.c.attempt, runs.c.worker_id).where(
                text(RUNNING), runs.c.worker_id.in_(worker_ids)
            )
        ).all()
    guard = runs.c.worker_id.in_(worker_ids)
    ended = _take_all(database, owned, "lost", "its worker died", guard)
    with database.write() as connection:
        connection.execute(
            update(workers)
            .where(workers.c.id.in_(worker_ids), workers.c.removed_at.is_(None))
            .values(removed_at=now())
        )
    return ended


def _just_started(connection: Connection, lease_seconds: float) -> bool:
    if connection.dialect.name != "postgresql":
        return False
    return bool(connection.scalar(JUST_STARTED, {"lease_seconds": lease_seconds}))


def _take_all(
    database: Database,
    rows: Sequence[AnyRow | Lease],
    ending: str,
    why: str,
    guard: ColumnElement[bool],
) -> list[Ended]:
    ended = [
        _take(database, row, ending, why, guard)
        for row in sorted(rows, key=lambda row: str(row.id))
    ]
    return [one for one in ended if one is not None]


def _take(
    database: Database,
    row: AnyRow | Lease,
    ending: str,
    why: str,
    guard: ColumnElement[bool],
) -> Ended | None:
    death = Failure("crash_loop", f"{why} ({row.worker_id})")

    def decide(run: Owned) -> Departure:
        return departure.lost(run, ending, death, None, by_itself=False)

    with database.write() as connection:
        return leave(connection, row.id, row.attempt, decide, actor=ACTOR, guard=guard)
