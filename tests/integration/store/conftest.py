"""Databases for the tests of the store: SQLite and a real PostgreSQL, made from a template."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bptt.store import Database, open_database, upgrade
from bptt.store.tables import metadata
from tests.servers import Given, PostgresServer, postgres_server

__all__ = ["postgres_server"]

BOTH = ("sqlite", "postgresql")
MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def database_folder() -> Iterator[Path]:
    """A folder in memory where there is one: here nobody tests the disk."""
    place = str(MEMORY) if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="bptt", dir=place) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def sqlite_template(database_folder: Path) -> Database:
    """An SQLite file with the newest schema and nothing in it."""
    return _with_schema(f"sqlite:///{database_folder / 'queue.db'}")


@pytest.fixture(scope="session")
def postgresql_template(request: pytest.FixtureRequest) -> Database:
    """A PostgreSQL database with the newest schema and nothing in it."""
    server: PostgresServer | Given = request.getfixturevalue("postgres_server")
    return _with_schema(server.new_database())


def _with_schema(url: str) -> Database:
    database = open_database(url)
    upgrade(database)
    # SQLite writes all into the one file, and PostgreSQL copies only what nobody uses
    database.close()
    return database


@pytest.fixture(scope="session")
def kept_databases() -> Iterator[dict[str, Database]]:
    """The databases that are emptied again and again: making one on PostgreSQL takes long."""
    kept: dict[str, Database] = {}
    yield kept
    for database in kept.values():
        database.close()


@pytest.fixture
def empty_database(
    kept_databases: dict[str, Database], request: pytest.FixtureRequest
) -> Callable[[str], Database]:
    """Return a factory of an empty queue, by dialect: the same database each time."""

    def make(dialect: str) -> Database:
        if dialect not in kept_databases:
            template = request.getfixturevalue(f"{dialect}_template")
            kept_databases[dialect] = _copy(template, next(_numbers))
            return kept_databases[dialect]
        with kept_databases[dialect].write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        return kept_databases[dialect]

    return make


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, empty_database: Callable[[str], Database]) -> Database:
    """An empty queue, on each of the two databases."""
    return empty_database(request.param)


@pytest.fixture
def new_database(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Database]]:
    """Return a factory of databases of a test's own, by dialect."""
    opened: list[Database] = []

    def make(dialect: str) -> Database:
        template = request.getfixturevalue(f"{dialect}_template")
        opened.append(_copy(template, next(_numbers)))
        return opened[-1]

    yield make
    for database in opened:
        database.close()
        if database.dialect == "postgresql":
            administer(database, f'DROP DATABASE "{database.url.database}" WITH (FORCE)')


def _copy(template: Database, number: int) -> Database:
    name = f"{template.url.database}_{number}"
    if template.dialect == "sqlite":
        shutil.copyfile(str(template.url.database), name)
    else:
        administer(template, f'CREATE DATABASE "{name}" TEMPLATE "{template.url.database}"')
    return open_database(template.url.set(database=name).render_as_string(hide_password=False))


def administer(database: Database, statement: str) -> None:
    """Run a statement on the server of a PostgreSQL database, outside any transaction."""
    server = open_database(
        database.url.set(database="postgres").render_as_string(hide_password=False)
    )
    with server.writer.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(statement))
    server.close()


_numbers = iter(range(10**9))
