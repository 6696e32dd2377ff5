"""The schema on both databases: up, down and up again, and what is said when it does not fit."""

import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from bptt import store
from bptt.errors import DatabaseUnavailable, InvalidSetting, NotPossible, SchemaMismatch
from bptt.store import Database, open_database, schema
from bptt.store.tables import configurations, metadata, runs
from tests.integration.store.queueing import put_grid, put_worker, rows_of

ROOT = Path(__file__).parents[3]
ALL = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"]

CATALOGUE = {
    "sqlite": (
        "SELECT type, name, replace(replace(sql, char(10), ' '), char(9), ' ')"
        " FROM sqlite_master WHERE tbl_name <> 'alembic_version' AND type <> 'trigger'"
    ),
    "postgresql": (
        "SELECT 'index', indexname, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        " UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(c.oid)"
        " FROM pg_constraint c JOIN pg_class t ON t.oid = conrelid JOIN pg_namespace n"
        " ON n.oid = relnamespace WHERE nspname = 'public' AND relname <> 'alembic_version'"
        " UNION ALL SELECT 'column', table_name || '.' || column_name,"
        " concat_ws(' ', data_type, is_nullable, column_default)"
        " FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name <> 'alembic_version'"
        " UNION ALL SELECT 'options', relname, reloptions::text FROM pg_class"
        " WHERE relname = 'runs'"
    ),
}


def catalogue(database: Database) -> set[tuple[str, ...]]:
    """Return all tables, indexes and constraints, each with its words in one order."""
    with database.read() as connection:
        rows = connection.execute(text(CATALOGUE[database.dialect])).all()
    return {(kind, name, *sorted(str(sql).replace(",", " ").split())) for kind, name, sql in rows}


@pytest.fixture
def blank(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Any:
    """A factory of databases without a schema; PostgreSQL has been made, SQLite not even that."""
    opened: list[Database] = []

    def make() -> Database:
        if dialect == "sqlite":
            url = f"sqlite:///{tmp_path / f'home-{len(opened)}' / 'bptt.db'}"
        else:
            url = request.getfixturevalue("postgres_server").new_database()
        opened.append(open_database(url))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


both = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])


@both
def test_up_down_and_up_again_keeps_what_the_older_schema_can_hold(
    blank: Callable[[], Database],
) -> None:
    database = blank()

    assert store.upgrade(database) == ALL
    assert store.upgrade(database) == []
    store.check(database)
    put_worker(database, "w1")
    put_grid(database, "g", size=3)
    claimed = store.claim(database, worker_id="w1", slot=0, lease_seconds=9.0)
    assert claimed is not None
    store.finish(database, claimed.run_id, 1, {"outcome": "finished"}, 5)
    before, asked_for = rows_of(database, runs, runs.c.seq), rows_of(database, configurations)
    assert [row.cost_key for row in asked_for] == ["k"]

    schema.downgrade(database, "0001")
    with database.read() as connection:
        kept = connection.execute(text("SELECT id, status, outcome FROM runs ORDER BY seq")).all()
        keys = connection.execute(text("SELECT pack_key FROM configurations")).scalars().all()
    assert kept == [(row.id, row.status, row.outcome) for row in before]
    assert keys == ["k"]
    assert store.upgrade(database) == ALL[1:]
    assert rows_of(database, runs, runs.c.seq) == before
    assert rows_of(database, configurations) == asked_for

    schema.downgrade(database, "base")
    assert store.upgrade(database) == ALL
    assert rows_of(database, runs) == []
    store.check(database)


@both
def test_the_migrations_lead_to_exactly_the_tables_of_the_program(
    blank: Callable[[], Database],
) -> None:
    migrated, created = blank(), blank()
    store.upgrade(migrated)
    store.upgrade(created)
    schema.downgrade(created, "base")

    with created.write() as connection:
        metadata.create_all(connection)

    assert catalogue(migrated) == catalogue(created)
    with migrated.read() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


@both
def test_any_number_may_upgrade_at_once(blank: Callable[[], Database]) -> None:
    database = blank()
    url = database.url.render_as_string(hide_password=False)
    applied: list[Any] = []

    def upgrade() -> None:
        other = open_database(url)
        try:
            applied.append(store.upgrade(other))
        except Exception as error:
            applied.append(error)
        finally:
            other.close()

    threads = [threading.Thread(target=upgrade) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(applied) == [[]] * 5 + [ALL]
    store.check(database)


@both
def test_an_older_a_newer_and_no_schema_are_told_apart(blank: Callable[[], Database]) -> None:
    database = blank()
    with pytest.raises(SchemaMismatch, match=r"no (database|tables).*Run: bptt database upgrade$"):
        store.check(database)

    store.upgrade(database)
    schema.downgrade(database, "0001")
    with pytest.raises(
        SchemaMismatch,
        match=rf"older than this bptt: it has schema 0001, needed is {ALL[-1]}. Run: bptt database",
    ):
        store.check(database)

    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    newer = r"is newer than this bptt; install the version that made it\. It has schema 9999"
    with pytest.raises(SchemaMismatch, match=newer):
        store.check(database)
    with pytest.raises(SchemaMismatch, match=newer):
        store.upgrade(database)
    with pytest.raises(SchemaMismatch, match=newer):
        schema.downgrade(database, "base")


@both
def test_what_needs_the_schema_says_so_without_it(blank: Callable[[], Database]) -> None:
    database = blank()
    if database.file is not None:
        with pytest.raises(
            DatabaseUnavailable, match=r"There is no database at .*bptt database up"
        ):
            store.claimable(database)
        assert not database.file.exists()

    store.upgrade(database)
    schema.downgrade(database, "base")

    with pytest.raises(SchemaMismatch, match=r"lacks what this bptt needs.*bptt database upgrade"):
        store.claimable(database)


@both
def test_an_unknown_revision_to_go_back_to_is_refused(blank: Callable[[], Database]) -> None:
    database = blank()
    store.upgrade(database)

    with pytest.raises(SchemaMismatch, match=rf"'0077'.*Known: base, {', '.join(ALL)}"):
        schema.downgrade(database, "0077")

    store.check(database)


def test_the_names_of_the_files_say_the_revisions_and_their_order() -> None:
    config = Config()
    config.set_main_option("script_location", "bptt_migrations:.")

    scripts = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]

    files = sorted(Path(script.path).name for script in scripts)
    assert [name.partition("_")[0] for name in files] == [one.revision for one in scripts] == ALL


def test_an_installed_wheel_brings_its_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "import sys, bptt; from bptt.store import check, open_database, upgrade;"
        "database = open_database(sys.argv[1]); print(bptt.__file__, upgrade(database));"
        "check(database)"
    )

    said = subprocess.run(
        [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'bptt.db'}"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert said.startswith(str(tmp_path / "site"))
    assert said.endswith(f"{ALL}\n")


def test_only_the_owner_can_read_the_sqlite_files(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'home' / 'bptt.db'}")
    store.upgrade(database)
    put_grid(database, "g")
    store.backup(database, tmp_path / "copy.db")

    files = [*(tmp_path / "home").iterdir(), tmp_path / "copy.db"]
    database.close()

    assert len(files) == 4
    assert {stat.S_IMODE((tmp_path / "home").stat().st_mode)} == {0o700}
    for file in files:
        assert not file.exists() or stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_backup_is_a_whole_database_while_others_write(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'bptt.db'}")
    store.upgrade(database)
    put_grid(database, "g", size=500)

    # what is under way is not in the copy, and does not keep it from being made
    with database.write() as connection:
        connection.execute(text("UPDATE runs SET status = 'held'"))
        store.backup(database, tmp_path / "copy.db")
    database.close()

    copy = open_database(f"sqlite:///{tmp_path / 'copy.db'}")
    store.check(copy)
    assert {row.status for row in rows_of(copy, runs)} == {"queued"}
    copy.close()


def test_a_backup_never_overwrites_anything(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'bptt.db'}")
    store.upgrade(database)
    (tmp_path / "old.db").write_text("mine")

    with pytest.raises(NotPossible, match=r"old\.db exists already"):
        store.backup(database, tmp_path / "old.db")
    with pytest.raises(NotPossible, match=r"Cannot write .*No such file or directory"):
        store.backup(database, tmp_path / "nowhere" / "new.db")
    database.close()

    assert (tmp_path / "old.db").read_text() == "mine"


def test_postgresql_is_backed_up_by_its_own_tool(
    empty_database: Callable[[str], Database], tmp_path: Path
) -> None:
    with pytest.raises(NotPossible, match="pg_dump"):
        store.backup(empty_database("postgresql"), tmp_path / "copy")


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    database = open_database(f"sqlite:///{tmp_path / 'file' / 'bptt.db'}")

    with pytest.raises(InvalidSetting, match=r"Cannot make the database .*BPTT_HOME"):
        store.upgrade(database)
