"""Users in a listing: what each may use, and what they are using."""

from sqlalchemy import func, select, text

from bptt.records.users import User
from bptt.store.clock import read_clock
from bptt.store.database import Database
from bptt.store.tables import QUEUED, RUNNING, grids, runs, users
from bptt.store.users import decayed, unknown_user


def list_users(database: Database) -> list[User]:
    """Return every user by name.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    return _rows(database, None)


def get_user(database: Database, name: str) -> User:
    """Return one user.

    Raises:
        DatabaseUnavailable: the database does not answer.
        UserNotFound: there is no user of this name.
    """
    if rows := _rows(database, name):
        return rows[0]
    with database.read() as connection:
        raise unknown_user(connection, name)


def _rows(database: Database, name: str | None) -> list[User]:
    running = (
        select(func.count())
        .where(runs.c.user_name == users.c.name, text(RUNNING))
        .scalar_subquery()
    )
    queued = (
        select(func.count())
        .join_from(grids, runs, runs.c.grid_id == grids.c.id)
        .where(grids.c.user_name == users.c.name, text("ended_at IS NULL"), text(QUEUED))
        .scalar_subquery()
    )
    found = select(users, running.label("running"), queued.label("queued")).order_by(users.c.name)
    if name is not None:
        found = found.where(users.c.name == name)
    with database.read() as connection:
        at = read_clock(connection)
        return [
            User(
                name=row.name,
                role=row.role,
                weight=row.weight,
                max_running=row.max_running,
                max_queued=row.max_queued,
                disabled_at=row.disabled_at,
                running=row.running,
                queued=row.queued,
                usage=decayed(row.usage, row.usage_at, at),
            )
            for row in connection.execute(found)
        ]
