"""The one place that begins transactions: what it promises, and what it says when it cannot."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from bptt import store
from bptt.errors import DatabaseUnavailable, InvalidSetting
from bptt.store import Database, open_database
from bptt.store import database as module
from bptt.store.clock import read_clock
from bptt.store.tables import runs
from tests.integration.store.queueing import put_grid, put_worker, row_of
from tests.integration.store.scenarios import another
from tests.servers import short_folder, start_postgres

LEASE = 1000.0


def setting(database: Database, name: str, **how: Any) -> str:
    """Return what PostgreSQL's `SHOW` or SQLite's `PRAGMA` says within a writing transaction."""
    word = "SHOW" if database.dialect == "postgresql" else "PRAGMA"
    with database.write(**how) as connection:
        return str(connection.execute(text(f"{word} {name}")).scalar_one())


def test_what_fails_within_a_transaction_is_undone(database: Database) -> None:
    put_grid(database, "g", size=2)

    def half_of_it() -> None:
        with database.write() as connection:
            connection.execute(text("UPDATE runs SET status = 'held'"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_of_it()

    assert row_of(database, runs, id="g-0").status == "queued"


def test_a_reader_cannot_write(database: Database) -> None:
    put_grid(database, "g")

    with pytest.raises(Exception, match=r"read-?only"), database.read() as connection:
        connection.execute(text("UPDATE runs SET status = 'held'"))

    assert row_of(database, runs, id="g-0").status == "queued"


def test_a_reader_sees_one_moment(database: Database) -> None:
    put_grid(database, "g")

    with database.read() as connection, another(database) as other:
        count = text("SELECT count(*) FROM runs WHERE status = 'queued'")
        before = connection.execute(count).scalar_one()
        store.cancel_run(other, "g-0", "ada")
        after = connection.execute(count).scalar_one()

    assert (before, after) == (1, 1)


def test_a_broken_constraint_is_not_taken_for_a_lost_database(database: Database) -> None:
    put_grid(database, "g")

    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("UPDATE runs SET status = 'running'"))


def test_the_clock_is_that_of_the_database_and_goes_on_within_a_transaction(
    database: Database,
) -> None:
    with database.write() as connection:
        first = read_clock(connection)
        done = threading.Event()
        done.wait(timeout=0.02)
        second = read_clock(connection)

    assert 1.7e9 < first < second < first + 60


def test_sqlite_is_durable_where_somebody_relies_on_it(
    empty_database: Callable[[str], Database],
) -> None:
    database = empty_database("sqlite")

    assert setting(database, "journal_mode") == "wal"
    assert setting(database, "foreign_keys") == "1"
    assert setting(database, "synchronous") == "2"
    assert setting(database, "synchronous", durable=False) == "1"
    assert setting(database, "busy_timeout") == "10000"


def test_postgresql_bounds_how_long_anybody_holds_anything(
    empty_database: Callable[[str], Database],
) -> None:
    database = empty_database("postgresql")

    assert setting(database, "lock_timeout") == "3s"
    assert setting(database, "statement_timeout") == "15s"
    assert setting(database, "idle_in_transaction_session_timeout") == "10s"
    assert setting(database, "tcp_user_timeout") in ("0", "15s")
    assert setting(database, "application_name") == "bptt"
    assert setting(database, "statement_timeout", statement_seconds=90) == "90s"
    assert setting(database, "statement_timeout") == "15s"


def test_threads_of_one_process_write_in_turn(
    empty_database: Callable[[str], Database],
) -> None:
    database = empty_database("sqlite")
    put_grid(database, "g")
    add = text("UPDATE runs SET step = step + 1")

    def count() -> None:
        for _ in range(50):
            with database.write(durable=False) as connection:
                connection.execute(add)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert row_of(database, runs, id="g-0").step == 400


def test_a_writer_that_is_kept_waiting_gives_up_with_a_line(
    empty_database: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = empty_database("sqlite")
    put_worker(database, "w1")
    monkeypatch.setattr(module, "WAIT", 0.1)

    with another(database) as other, other.write(), pytest.raises(DatabaseUnavailable) as locked:
        store.beat_worker(database, "w1")
    with database.write(), pytest.raises(DatabaseUnavailable) as busy:
        store.beat_worker(database, "w1")

    assert "is locked by others for longer than we wait. Nothing is lost" in str(locked.value)
    assert "This process has been writing" in str(busy.value)
    store.beat_worker(database, "w1")


def test_a_full_disk_is_named_and_leaves_everything_as_it_was(
    new_database: Callable[[str], Database],
) -> None:
    database = new_database("sqlite")
    put_grid(database, "small")
    with database.write() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))

    with pytest.raises(DatabaseUnavailable, match=r"^The disk of .* is full\. Make room there"):
        put_grid(database, "large", size=5000)

    assert store.claimable(database) == 1


@pytest.mark.parametrize("content", [b"not a database at all" * 99, b"SQLite format 3\0" * 99])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bptt.db").write_bytes(content)
    database = open_database(f"sqlite:///{tmp_path / 'bptt.db'}")

    with pytest.raises(DatabaseUnavailable, match=r"is damaged or not a SQLite database"):
        store.claimable(database)
    with pytest.raises(DatabaseUnavailable, match=r"is damaged or not a SQLite database"):
        store.upgrade(database)
    database.close()


def test_a_file_without_permission_to_write_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bptt.db"
    database = open_database(f"sqlite:///{path}")
    store.upgrade(database)
    database.close()
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as plain:
        assert plain.execute("SELECT count(*) FROM runs").fetchone() == (0,)

    def read_only(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA query_only = ON")

    event.listen(database.writer, "connect", read_only)
    with pytest.raises(DatabaseUnavailable, match="readonly database"):
        put_grid(database, "g")
    database.close()


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    database = open_database("postgresql+psycopg://bptt:s3cret@127.0.0.1:1/queue")

    with pytest.raises(DatabaseUnavailable) as error:
        store.claimable(database)

    assert "postgresql+psycopg://bptt:***@127.0.0.1:1/queue does not answer" in str(error.value)
    assert "s3cret" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["mysql://host/queue", "sqlite://", "sqlite:///:memory:", "nonsense"]
)
def test_an_address_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^BPTT_DATABASE_URL must "):
        open_database(url)


def test_a_killed_server_is_an_interruption_and_nothing_more() -> None:
    with short_folder() as folder, start_postgres(folder) as server:
        database = open_database(server.new_database())
        store.upgrade(database)
        put_worker(database, "w1")
        put_grid(database, "g")
        assert store.claimable(database) == 1

        def kill_it_meanwhile() -> None:
            with database.write() as connection:
                connection.execute(text("UPDATE runs SET step = 7"))
                server.kill()
                connection.execute(text("UPDATE runs SET step = 8"))

        with pytest.raises(DatabaseUnavailable):
            kill_it_meanwhile()
        with pytest.raises(DatabaseUnavailable, match=r"does not answer.*Nothing is lost"):
            store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE)
        server.start()

        assert row_of(database, runs, id="g-0").step == 0
        assert store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE) is not None
        database.close()
