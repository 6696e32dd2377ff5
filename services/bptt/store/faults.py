"""From what a driver raises to one line for a person."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bptt.errors import BpttError, DatabaseUnavailable, SchemaMismatch

OURS = (DataError, IntegrityError, NotSupportedError)
"""Never the database's fault: a constraint that did its job, or a mistake in a statement."""
IDLE_IN_TRANSACTION = "25P03"
MISSING_TABLES = ("no such table", "no such column")
UNDEFINED = ("42P01", "42703")
DISK_FULL = "53100"
STARVED = 2**20
"""Free bytes on a disk below which a write error is put down to lack of space."""
LOCK_NOT_AVAILABLE = "55P03"
UPGRADE = "Run: bptt database upgrade"

SILENT = "The server's database does not answer. Nothing is lost; try again."
FULL = "The disk of the server's database is full. Nothing is lost; tell who runs the server."
OTHER_SCHEMA = (
    "The server's database is of another version of bptt. Tell who runs the server: "
    "bptt database upgrade"
)
"""For a server's clients, who must not see where its database is or what its driver says."""


def translate(error: SQLAlchemyError, url: URL) -> BpttError | None:
    """Return what to raise instead of `error`; None if it is our own mistake."""
    where = describe(url)
    if isinstance(error, PoolTimeoutError):
        return _outside(
            DatabaseUnavailable(
                f"All connections to the database {where} have been busy for too long. "
                "Nothing is lost; try again."
            ),
            SILENT,
        )
    if not isinstance(error, DBAPIError) or isinstance(error, OURS):
        return None
    said = " ".join(str(error.orig).split()).rstrip(".")
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate in UNDEFINED or said.startswith(MISSING_TABLES):
        message = f"The database {where} lacks what this bptt needs: {said}. {UPGRADE}"
        return _outside(SchemaMismatch(message), OTHER_SCHEMA)
    if isinstance(error, ProgrammingError) and not error.connection_invalidated:
        return None
    if isinstance(error, InternalError) and sqlstate != IDLE_IN_TRANSACTION:
        return None
    if getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:
        return None
    if not isinstance(error, OperationalError | InterfaceError | InternalError | DatabaseError):
        return None
    return _outside(
        DatabaseUnavailable(_line(error.orig, said, sqlstate, where, url)),
        FULL if _is_disk_full(error.orig, sqlstate) else SILENT,
    )


def _outside(error: BpttError, text: str) -> BpttError:
    error.outside = text
    return error


def _is_disk_full(cause: BaseException | None, sqlstate: str | None) -> bool:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code == sqlite3.SQLITE_FULL or sqlstate == DISK_FULL


def _line(
    cause: BaseException | None, said: str, sqlstate: str | None, where: str, url: URL
) -> str:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    # if nobody else has the file open, SQLite fails to create its shared files, and says no more
    starved = code == sqlite3.SQLITE_IOERR and _is_full(url)
    if _is_disk_full(cause, sqlstate) or starved:
        return (
            f"The disk of the database {where} is full. "
            "Make room there, then try again; nothing is lost."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or sqlstate == LOCK_NOT_AVAILABLE:
        return (
            f"The database {where} is locked by others for longer than we wait. "
            "Nothing is lost; try again."
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return f"There is no database at {where}, or it cannot be opened. {UPGRADE}"
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return (
            f"The file {where} is damaged or not a SQLite database ({said}). "
            "Put a copy made by `bptt database backup` in its place."
        )
    if isinstance(url.password, str) and url.password:
        said = said.replace(url.password, "***")
    return f"The database {where} does not answer: {said}. Nothing is lost; try again."


def _is_full(url: URL) -> bool:
    try:
        usage = shutil.disk_usage(Path(str(url.database)).parent)
    except OSError:
        return False
    return usage.total > 0 and usage.free < STARVED


def describe(url: URL) -> str:
    """Return the database as people may see it: a file, or an address without a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)
