"""Time by the database's clock; workers' clocks are never compared with each other."""

from typing import Any

from sqlalchemy import Connection, Float, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement, FunctionElement

from bptt.store.database import Database

NOW = {
    # unixepoch('subsec') is NULL before SQLite 3.42
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    # not now(): that is when the transaction began, before it waited for locks
    "postgresql": "extract(epoch from clock_timestamp())::float8",
}
"""Its SQL by dialect, for statements written as text."""


class _Now(FunctionElement[float]):
    """Seconds since the epoch when the statement runs."""

    type = Float()
    inherit_cache = True


@compiles(_Now)
def _compile(element: _Now, compiler: Any, **options: Any) -> str:
    return NOW[compiler.dialect.name]


def now() -> ColumnElement[float]:
    """Return the SQL expression of the present, in seconds since the epoch."""
    return _Now()


def database_time(database: Database) -> float:
    """Return the present by the database's clock, in seconds since the epoch.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        return read_clock(connection)


def read_clock(connection: Connection) -> float:
    """Return the present, in seconds since the epoch; call it after waiting for locks."""
    return float(connection.execute(select(now())).scalar_one())
