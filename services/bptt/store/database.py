"""The database: the only place that begins a transaction.

A writing transaction on SQLite starts as one (`BEGIN IMMEDIATE`): a transaction that reads first
and then wants to write fails at once if another has written in between, whatever the timeout.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from bptt.errors import DatabaseUnavailable, InvalidSetting
from bptt.store.faults import describe, translate
from bptt.store.waiting import WAIT, until_free
from bptt.strict_json import to_json

BUSY = 10.0
"""Seconds that SQLite itself waits where only SQLite can."""
STATEMENT = 15.0
"""Seconds that a statement may take on PostgreSQL, unless the caller allows more."""

SERVER_SETTINGS = {
    "lock_timeout": "3s",
    "statement_timeout": f"{STATEMENT:g}s",
    # a host that vanishes in the middle of a claim must not hold its lock for hours
    "idle_in_transaction_session_timeout": "10s",
}
CONNECTION = {
    "application_name": "bptt",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
    # prepared statements get plans that cannot use partial indexes
    "prepare_threshold": None,
}


class Database:
    """One database, opened once per process and used by all its threads; connects when used.

    Args:
        where: as SQLAlchemy names it: `sqlite:////absolute/path` or `postgresql+psycopg://...`;
            or an SQLite file.

    Raises:
        InvalidSetting: it is neither.
    """

    def __init__(self, where: str | Path) -> None:
        try:
            self.url = _of_file(where) if isinstance(where, Path) else make_url(where)
            self.dialect = self.url.get_backend_name()
        except SQLAlchemyError:
            self.dialect = ""
        if self.dialect not in ("sqlite", "postgresql"):
            raise InvalidSetting(
                "BPTT_DATABASE_URL must be postgresql://user:password@host/name or "
                "sqlite:////absolute/path. Leave it empty for the SQLite file in BPTT_HOME."
            )
        if self.dialect == "sqlite":
            if not self.url.database or self.url.database == ":memory:":
                raise InvalidSetting(
                    "BPTT_DATABASE_URL must name a file: sqlite:////absolute/path. "
                    "Several processes share it."
                )
            self.reader, self.writer = _sqlite(self.url, False), _sqlite(self.url, True)
        else:
            self.reader = self.writer = _postgresql(self.url)
        # SQLite has one writer at a time; our own threads queue up, which SQLite's waiters do not
        self._line = threading.Lock()

    @property
    def file(self) -> Path | None:
        """The SQLite file; none for PostgreSQL."""
        return Path(str(self.url.database)) if self.dialect == "sqlite" else None

    def __str__(self) -> str:
        return describe(self.url)

    def close(self) -> None:
        """Close every connection."""
        self.reader.dispose()
        self.writer.dispose()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a read-only connection that sees a snapshot of the database.

        Raises:
            DatabaseUnavailable: it does not answer.
            SchemaMismatch: it has not the tables this program needs.
        """
        with self._translated():
            options: dict[str, Any] = {}
            if self.dialect == "postgresql":
                options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            with self.reader.connect() as connection:
                connection.execution_options(**options)
                with connection.begin():
                    yield connection

    @contextlib.contextmanager
    def write(
        self, durable: bool = True, statement_seconds: float = STATEMENT
    ) -> Iterator[Connection]:
        """Yield a connection that may write; commit at the end, roll back on an error.

        After an error during the commit nobody knows whether it took effect: read again to find
        out.

        Args:
            durable: what it writes survives a loss of power as soon as this returns. False only
                for what is soon rewritten, on SQLite; PostgreSQL always makes it durable.
            statement_seconds: how long one statement, or a pause between two, may take on
                PostgreSQL; more only for large transactions.

        Raises:
            DatabaseUnavailable: it does not answer, is locked too long or has no room left.
            SchemaMismatch: it has not the tables this program needs.
        """
        with self._translated(), self._in_line(), self.writer.connect() as connection:
            connection.execution_options(durable=durable)
            with connection.begin():
                if self.dialect == "postgresql" and statement_seconds != STATEMENT:
                    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                        connection.execute(text(f"SET LOCAL {name} = '{statement_seconds:g}s'"))
                yield connection

    @contextlib.contextmanager
    def _in_line(self) -> Iterator[None]:
        if self.dialect != "sqlite":
            yield
            return
        if not self._line.acquire(timeout=WAIT):
            raise DatabaseUnavailable(
                f"This process has been writing to the database {self} for {WAIT:g} s already. "
                "Nothing is lost; try again."
            )
        try:
            yield
        finally:
            self._line.release()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            if (clear := translate(error, self.url)) is None:
                raise
            raise clear from error


def open_database(where: str | Path) -> Database:
    """Return the database at `settings.database`; nothing is connected yet.

    Raises:
        InvalidSetting: the address is not one of PostgreSQL or of an SQLite file.
    """
    return Database(where)


def _of_file(path: Path) -> URL:
    # a name may contain characters that are special in a URL
    return URL.create("sqlite", database=str(path))


def _sqlite(url: URL, writes: bool) -> Engine:
    # mode=rw: a mistyped path must not become an empty database
    path = f"{Path(str(url.database)).absolute().as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        if writes:
            _keep_log(connection, describe(url))
        else:
            connection.execute("PRAGMA query_only = ON")
        return connection

    sizes = {"pool_size": 1, "max_overflow": 0} if writes else {"pool_size": 5, "max_overflow": 10}
    engine = create_engine(
        url,
        creator=connect,
        poolclass=QueuePool,
        pool_timeout=WAIT,
        json_serializer=to_json,
        **sizes,
    )
    event.listen(engine, "begin", _begin_writing if writes else _begin_reading)
    return engine


def _keep_log(connection: sqlite3.Connection, where: str) -> None:
    """Put a new file into WAL mode; when two processes do that, SQLite does not wait."""
    connection.execute("PRAGMA busy_timeout = 0")
    until_free(lambda: connection.execute("PRAGMA journal_mode = WAL"), where)
    connection.execute(f"PRAGMA busy_timeout = {BUSY * 1000:.0f}")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
    # only the first look at the file may have to wait, for a process with an exclusive lock
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    look = "SELECT 1 FROM sqlite_master LIMIT 1"
    until_free(lambda: connection.exec_driver_sql(look).all(), describe(connection.engine.url))
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY * 1000:.0f}")


def _begin_writing(connection: Connection) -> None:
    level = "FULL" if connection.get_execution_options().get("durable", True) else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    begin = partial(connection.exec_driver_sql, "BEGIN IMMEDIATE")
    until_free(begin, describe(connection.engine.url))
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY * 1000:.0f}")


def _postgresql(url: URL) -> Engine:
    given = str(url.query.get("options", ""))
    ours = " ".join(f"-c {name}={value}" for name, value in SERVER_SETTINGS.items())
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        json_serializer=to_json,
        pool_pre_ping=True,
        pool_timeout=WAIT,
        connect_args={**CONNECTION, "options": f"{ours} {given}".strip()},
    )
