"""The schema's version: upgrade, check, downgrade, and a copy to make before that.

Every command checks, hardly any upgrades: Alembic, a fifth of a command's time, is imported only to
change the schema. A check needs no more than the names of the revisions.
"""

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from bptt.durable import is_full
from bptt.errors import DatabaseUnavailable, InvalidSetting, NotPossible, SchemaMismatch
from bptt.store.database import Database
from bptt.store.faults import UPGRADE

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = "bptt_migrations"
REVISION = re.compile(r"(\d{4})_\w+\.py")
"""A revision's file; the next one has the next number."""
UPGRADE_LOCK = (72, 1)
PATIENCE = 600.0
"""Seconds that a revision may take, or wait for another process that upgrades."""


def upgrade(database: Database) -> list[str]:
    """Bring the schema to this program's version; create the SQLite file if there is none.

    Any number of processes may call this at once: one does the work, the others find it done.

    Returns:
        The revisions that were applied, oldest first.

    Raises:
        DatabaseUnavailable: the database does not answer, or its disk is full.
        InvalidSetting: its file cannot be created.
        SchemaMismatch: it is newer than this program.
    """
    from alembic import command

    if database.file is not None:
        _make_file(database.file)
    with _alone(database) as connection:
        before = _refuse_newer(database, connection)
        command.upgrade(_config(connection), "head")
        return [revision for revision in _known() if before is None or revision > before]


def check(database: Database) -> None:
    """Return if the schema is the one this program needs.

    Raises:
        DatabaseUnavailable: the database does not answer.
        SchemaMismatch: there is no schema, or an older or newer one.
    """
    if database.file is not None and not database.file.exists():
        raise SchemaMismatch(f"There is no database at {database}. {UPGRADE}")
    with database.read() as connection:
        revision = _refuse_newer(database, connection)
    if revision is None:
        raise SchemaMismatch(f"The database {database} has no tables of bptt yet. {UPGRADE}")
    if revision != (head := _known()[-1]):
        raise SchemaMismatch(
            f"The database {database} is older than this bptt: "
            f"it has schema {revision}, needed is {head}. {UPGRADE}"
        )


def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to `revision`; `base` removes every table and everything in them.

    Raises:
        DatabaseUnavailable: the database does not answer.
        SchemaMismatch: the database is newer than this program, or there is no such revision.
    """
    from alembic import command
    from alembic.util import CommandError

    with _alone(database) as connection:
        _refuse_newer(database, connection)
        try:
            command.downgrade(_config(connection), revision)
        except CommandError as error:
            raise SchemaMismatch(
                f"Cannot go back to schema {revision!r}: {error}. "
                f"Known: base, {', '.join(_known())}."
            ) from error


def backup(database: Database, target: Path) -> None:
    """Write a consistent copy of an SQLite database while others keep using it.

    Args:
        database: what to copy.
        target: a file that does not exist; only its owner can read it.

    Raises:
        DatabaseUnavailable: the database cannot be read, or the disk of `target` is full.
        NotPossible: the database is PostgreSQL, or `target` exists or cannot be written.
    """
    if database.file is None:
        raise NotPossible(
            f"The database {database} is PostgreSQL: copy it with pg_dump --format=custom."
        )
    if not database.file.exists():
        raise DatabaseUnavailable(f"There is no database at {database}. {UPGRADE}")
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise NotPossible(f"{target} exists already; name a file that does not.") from None
    except OSError as error:
        raise NotPossible(f"Cannot write {target}: {error.strerror}.") from error
    try:
        with (
            contextlib.closing(sqlite3.connect(database.file)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
    except sqlite3.Error as error:
        target.unlink()
        raise DatabaseUnavailable(
            f"Cannot copy the database {database} to {target}: {error}. Nothing was written."
        ) from error


@contextlib.contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    with database.write(statement_seconds=PATIENCE) as connection:
        if database.dialect == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE:g}s'"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock{UPGRADE_LOCK}"))
        yield connection


def _refuse_newer(database: Database, connection: Connection) -> str | None:
    """Return the schema's revision, None if there is none; raise if this program lacks it."""
    revision: str | None = None
    # on PostgreSQL reading a missing table would end the transaction
    if inspect(connection).has_table("alembic_version"):
        found = connection.execute(text("SELECT version_num FROM alembic_version"))
        revision = found.scalar_one_or_none()
    if revision is not None and revision not in _known():
        raise SchemaMismatch(
            f"The database {database} is newer than this bptt; install the version that made it. "
            f"It has schema {revision}, known here are: {', '.join(_known())}."
        )
    return revision


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", f"{MIGRATIONS}:.")
    config.attributes["connection"] = connection
    return config


@cache
def _known() -> tuple[str, ...]:
    """Return the revisions of this program, oldest first."""
    files = (resources.files(MIGRATIONS) / "versions").iterdir()
    return tuple(sorted(match[1] for file in files if (match := REVISION.fullmatch(file.name))))


def _make_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its journal files the mode of the database
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        # a full disk may be freed; a folder that is not ours stays so
        raise (DatabaseUnavailable if is_full(error) else InvalidSetting)(
            f"Cannot make the database {path}: {error.strerror}. "
            "Set BPTT_HOME to a folder you can write to."
        ) from error
