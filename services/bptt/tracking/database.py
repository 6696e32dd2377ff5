"""MLflow's database in the home: whether the installed MLflow can use it.

MLflow calls every other schema out of date, even newer ones, and complains about a missing table
in an empty file. Asking the file itself takes milliseconds, without MLflow.
"""

import re
import shlex
import sqlite3
import sys
from contextlib import closing
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from bptt.errors import TrackingMismatch, TrackingUnavailable

REVISION = re.compile(r"^revision = [\"'](\w+)[\"']", re.MULTILINE)
FOLLOWS = re.compile(r"^down_revision = (.*)$", re.MULTILINE)
LOCKED_AT_MOST = 5.0
"""Seconds to wait for other writers."""
BESIDE = ("-journal", "-wal", "-shm")
"""Suffixes of the files that SQLite keeps next to a database: leftovers of a removed one spoil the
next."""


def is_there(file: Path) -> bool:
    """Say whether MLflow's database is there, with the installed version.

    Returns:
        False if there is no file, or one without tables: MLflow's is yet to be created.

    Raises:
        TrackingMismatch: it has another version, or is not MLflow's database.
        TrackingUnavailable: somebody holds a lock on it, or it cannot be opened.
    """
    try:
        if not file.stat().st_size:
            return False
    except FileNotFoundError:
        return False
    except OSError as error:
        raise TrackingUnavailable(f"{file}: {error.strerror}.") from error
    found = _version(file)
    if found is None:
        return False
    known, newest = revisions()
    if found == newest or not known:
        return True
    with_what = _installed()
    if found in known:
        raise TrackingMismatch(
            f"{file} was written by an older MLflow than {with_what} that is installed (schema "
            f"{found}, needed: {newest}). Copy the file, then upgrade it with: "
            f"{shlex.quote(sys.executable)} -m mlflow db upgrade {shlex.quote(address_of(file))}"
        )
    raise TrackingMismatch(
        f"{file} was written by a newer MLflow than {with_what} that is installed (schema "
        f"{found}, known up to: {newest}). Install the one that wrote it, or move the file away "
        "and have everything sent again with: bptt ship"
    )


@lru_cache(maxsize=1)
def revisions() -> tuple[frozenset[str], str]:
    """Return the schemas that the installed MLflow knows, and the newest; none if it has none."""
    spec = find_spec("mlflow")
    places = list(spec.submodule_search_locations or []) if spec else []
    known, followed = set[str](), set[str]()
    for place in places:
        for script in Path(place, "store", "db_migrations", "versions").glob("*.py"):
            text = script.read_text()
            known.update(REVISION.findall(text))
            for line in FOLLOWS.findall(text):
                followed.update(re.findall(r"[\"'](\w+)[\"']", line))
    newest = known - followed
    return (frozenset(known), newest.pop()) if len(newest) == 1 else (frozenset(), "")


def address_of(file: Path) -> str:
    """Return the URI of an SQLite file for MLflow, whatever characters its path has."""
    from sqlalchemy import URL

    # named with its driver: otherwise MLflow creates a folder with the escaped path
    url = URL.create("sqlite+pysqlite", database=str(file))
    return url.render_as_string(hide_password=False)


def remove_remains(file: Path) -> None:
    """Remove what SQLite left next to a database that no longer exists."""
    for ending in BESIDE:
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _version(file: Path) -> str | None:
    """Return the schema of a database; None if it has no table."""
    path = f"{file.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(path, uri=True, timeout=LOCKED_AT_MOST)) as database:
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in rows}
            if not tables:
                return None
            if "alembic_version" not in tables or "experiments" not in tables:
                raise TrackingMismatch(
                    f"{file} is not a database of MLflow's (its tables: "
                    f"{', '.join(sorted(tables)[:5])}). Move it away; everything is sent again "
                    "into a new one with: bptt ship"
                )
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_NOTADB,
            sqlite3.SQLITE_CORRUPT,
        ):
            raise TrackingMismatch(
                f"{file} is damaged or not a SQLite database ({error}). Put a copy in its place, "
                "or move it away; everything is sent again into a new one with: bptt ship"
            ) from error
        raise TrackingUnavailable(f"MLflow's database {file} does not answer: {error}.") from error
    return str(row[0]) if row else ""


def _installed() -> str:
    for name in ("mlflow", "mlflow-skinny"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "none"
