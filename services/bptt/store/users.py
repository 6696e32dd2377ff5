"""Users: who they are, what they may use, and how much slot time they used lately."""

from typing import Any

from sqlalchemy import Connection, select, text, update

from bptt.errors import UserNotFound, did_you_mean
from bptt.store.clock import NOW, now
from bptt.store.database import Database
from bptt.store.tables import users

HALF_LIFE = 86400.0
"""Seconds after which a slot-second counts half."""


def ensure_user(database: Database, name: str) -> None:
    """Create a user with no limit and an equal share, unless they exist.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        if connection.execute(select(users.c.name).where(users.c.name == name)).first():
            return
    with database.write() as connection:
        add_user(connection, name)


def add_user(connection: Connection, name: str) -> None:
    """Create a user within an open transaction."""
    moment = NOW[connection.dialect.name]
    connection.execute(
        text(
            "INSERT INTO users (name, usage_at, created_at) "
            f"VALUES (:name, {moment}, {moment}) ON CONFLICT (name) DO NOTHING"
        ),
        {"name": name},
    )


def set_user(
    database: Database, name: str, *, disabled: bool | None = None, **columns: Any
) -> None:
    """Change what a user may do and use, from the next claim on.

    Args:
        database: the queue.
        name: the user.
        disabled: admit nobody as this user and start none of their runs; running ones
            continue. None: unchanged.
        columns: `role`, `weight`, `max_running` (None: no limit), `max_queued`; those that are not
            given stay as they are.

    Raises:
        DatabaseUnavailable: the database does not answer.
        UserNotFound: there is no user of this name.
    """
    values: dict[str, Any] = dict(columns)
    if disabled is not None:
        values["disabled_at"] = now() if disabled else None
    with database.write() as connection:
        changed = connection.execute(update(users).where(users.c.name == name).values(values))
        if not changed.rowcount:
            raise unknown_user(connection, name)


def unknown_user(connection: Connection, name: str) -> UserNotFound:
    """Return the error that there is no such user, with the closest name."""
    names = connection.execute(select(users.c.name).order_by(users.c.name)).scalars().all()
    return UserNotFound(
        f"No user {name!r}{did_you_mean(name, names)} They are listed by: bptt users list. "
        "Somebody new becomes known by a first token: bptt tokens create --user NAME"
    )


def decayed(usage: float, usage_at: float, at: float) -> float:
    """Return what remains at `at` of `usage` slot-seconds counted at `usage_at`."""
    # a clock that was set back must not make usage grow
    return float(usage * 0.5 ** (max(at - usage_at, 0.0) / HALF_LIFE))


def add_usage(connection: Connection, name: str, slot_seconds: float, at: float) -> None:
    """Charge a user for an ended attempt; this is the last lock a transaction takes."""
    user = connection.execute(
        select(users.c.usage, users.c.usage_at)
        .where(users.c.name == name)
        .with_for_update(key_share=True)
    ).one()
    usage = decayed(user.usage, user.usage_at, at) + max(slot_seconds, 0.0)
    connection.execute(
        update(users).where(users.c.name == name).values(usage=usage, usage_at=now())
    )
