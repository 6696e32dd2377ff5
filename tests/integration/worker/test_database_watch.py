"""A worker sees that its home's database was written to, whoever wrote."""

import subprocess
import sys

import pytest

from bptt.store import Database
from bptt.worker.database_watch import DatabaseWatch
from tests.integration.worker.queue import open_queue

WRITE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("UPDATE runs SET name = name || 'x'")
"""


@pytest.fixture(scope="module")
def queue():
    with open_queue() as queue:
        yield queue


def test_nothing_written_is_nothing_new(queue):
    watch = DatabaseWatch(queue.database)
    with queue.database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM runs")

    assert watch
    assert not watch.since_last_look()


def test_a_write_is_seen_once(queue):
    watch = DatabaseWatch(queue.database)
    queue.submit()

    assert [watch.since_last_look() for _ in range(3)] == [True, False, False]


def test_a_write_of_another_process_is_seen(queue):
    queue.submit()
    watch = DatabaseWatch(queue.database)
    subprocess.run([sys.executable, "-c", WRITE, str(queue.database.file)], check=True)

    assert watch.since_last_look()


def test_database_of_a_team_has_no_file_to_look_at():
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")

    assert not DatabaseWatch(database)
