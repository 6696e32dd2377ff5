"""Workers: who they are, and when they last gave a sign of life."""

from sqlalchemy import exists, func, select, text, update

from bptt.errors import NotPossible
from bptt.records.workers import WorkerProcess
from bptt.store.clock import NOW, now
from bptt.store.database import Database
from bptt.store.tables import RUNNING, AnyRow, runs, workers


def register_worker(database: Database, worker: WorkerProcess) -> None:
    """Register a worker before it claims anything; the same worker may do so again.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    moment = NOW[database.dialect]
    statement = text(
        "INSERT INTO workers"
        " (id, host, boot_id, pid, pid_started, slots, version, draining, registered_at, beat_at)"
        " VALUES (:worker_id, :host, :boot_id, :pid, :pid_started, :slots, :version, :draining,"
        f" {moment}, {moment})"
        f" ON CONFLICT (id) DO UPDATE SET beat_at = {moment}, removed_at = NULL,"
        " slots = excluded.slots, draining = excluded.draining"
    )
    values = {
        "worker_id": worker.worker_id,
        "host": worker.host,
        "boot_id": worker.boot_id,
        "pid": worker.pid,
        "pid_started": worker.pid_started,
        "slots": worker.slots,
        "version": worker.version,
        "draining": worker.draining,
    }
    with database.write() as connection:
        connection.execute(statement, values)


def beat_worker(
    database: Database, worker_id: str, *, draining: bool = False, trouble: str = ""
) -> None:
    """Record that a worker is alive; one that was taken for dead is registered again.

    Args:
        database: the queue.
        worker_id: of the worker.
        draining: it claims nothing more and will end.
        trouble: why it claims nothing for now, in one line for people.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotPossible: no such worker was ever registered.
    """
    with database.write(durable=False) as connection:
        beaten = connection.execute(
            update(workers)
            .where(workers.c.id == worker_id)
            .values(beat_at=now(), draining=draining, trouble=trouble, removed_at=None)
        )
        if not beaten.rowcount:
            raise NotPossible(f"There is no worker {worker_id}; register it first.")


def remove_worker(database: Database, worker_id: str) -> None:
    """Record that a worker has ended in an orderly way.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.write() as connection:
        connection.execute(
            update(workers)
            .where(workers.c.id == worker_id, workers.c.removed_at.is_(None))
            .values(removed_at=now())
        )


def live_owners(database: Database) -> list[WorkerProcess]:
    """Return the workers that own runs or have not been removed, including silent ones.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    owns = exists().where(runs.c.worker_id == workers.c.id, text(RUNNING))
    busy = (
        select(func.count())
        .where(runs.c.worker_id == workers.c.id, text(RUNNING))
        .scalar_subquery()
    )
    with database.read() as connection:
        found = connection.execute(
            select(workers, busy.label("busy"))
            .where(workers.c.removed_at.is_(None) | owns)
            .order_by(workers.c.registered_at, workers.c.id)
        ).all()
    return [as_worker(row) for row in found]


def as_worker(row: AnyRow) -> WorkerProcess:
    """Return a row of `workers`, with a column `busy`, as the record of it."""
    return WorkerProcess(
        worker_id=row.id,
        host=row.host,
        boot_id=row.boot_id,
        pid=row.pid,
        pid_started=row.pid_started,
        slots=row.slots,
        version=row.version,
        busy=row.busy,
        beat_at=row.beat_at,
        draining=row.draining,
        trouble=row.trouble,
        ship_trouble=row.ship_trouble,
    )
