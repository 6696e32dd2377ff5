"""Short stories of what the database itself refuses, whatever the program does."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bptt import store
from bptt.store import Database
from bptt.store.tables import attempts, events
from tests.integration.store.scenarios import begin, take


def refused(database: Database, statement: str) -> None:
    """Check that the database itself refuses a statement."""
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text(statement))


def a_running_run_without_a_lease(database: Database) -> None:
    begin(database)
    take(database)
    refused(database, "UPDATE runs SET lease_expires_at = NULL")


def a_running_run_without_an_owner(database: Database) -> None:
    begin(database)
    take(database)
    refused(database, "UPDATE runs SET worker_id = NULL")


def a_change_of_an_ended_run(database: Database) -> None:
    begin(database)
    store.finish(database, take(database).run_id, 1, {}, 5)
    refused(database, "UPDATE runs SET result = '{\"better\": 1}'")
    refused(database, "UPDATE runs SET status = 'queued', finished_at = NULL, result = NULL")


def an_attempt_that_goes_back(database: Database) -> None:
    begin(database)
    take(database)
    refused(database, "UPDATE runs SET attempt = 0")


def two_open_attempts(database: Database) -> None:
    begin(database)
    take(database)
    columns = ", ".join(c.name for c in attempts.columns if c.name != "attempt")
    refused(
        database, f"INSERT INTO attempts (attempt, {columns}) SELECT 2, {columns} FROM attempts"
    )


def two_ends_of_one_run(database: Database) -> None:
    begin(database)
    store.finish(database, take(database).run_id, 1, {}, 5)
    columns = ", ".join(c.name for c in events.columns if c.name not in ("id", "kind"))
    refused(
        database,
        f"INSERT INTO events (kind, {columns})"
        f" SELECT 'failed', {columns} FROM events WHERE kind = 'succeeded'",
    )
