"""A clock that is set while workers train: nobody's run is taken from them."""

import os
import subprocess
import sys
import time

import pytest
from sqlalchemy import update

from bptt import host, store
from bptt.records.workers import WorkerProcess
from bptt.store.tables import runs, workers
from bptt.worker.heartbeat import silence
from tests.integration.worker.queue import PATIENCE, STEPS
from tests.servers import until

SITE = '''
"""Every SQLite connection of a process that has this on its path tells a time that can be set."""

import os
import sqlite3

CLOCK = os.path.join(os.path.dirname(__file__), "clock")
connect = sqlite3.connect


def julianday(_):
    with open(CLOCK) as file:
        offset = float(file.read())
    true = connect(":memory:").execute("SELECT julianday('now')").fetchone()[0]
    return true + offset / 86400


def connecting(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.create_function("julianday", 1, julianday)
    return connection


sqlite3.connect = sqlite3.dbapi2.connect = connecting
'''


@pytest.fixture
def set_clock(tmp_path, monkeypatch):
    """Return a function that sets the database's clock by so many seconds."""
    site = tmp_path / "clock-site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)

    def set_to(seconds: float) -> None:
        new = site / "new"
        new.write_text(str(seconds))
        new.replace(site / "clock")

    set_to(0)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    return set_to


def test_workers_keep_their_runs_when_the_clock_is_set_on_and_back(
    queue, redis, start_worker, faulty, set_clock
):
    ids = queue.submit(text=faulty.slow(), steps=STEPS, seeds=2)
    worker, other = (start_worker(slots=1, lease_seconds=6) for _ in range(2))
    for run_id in ids:
        queue.wait_for_checkpoint(run_id)
    before = 0
    for seconds in (7200, -7200):
        time.sleep(3)  # both have seen what time it was
        set_clock(seconds)

        told = f"was set by {seconds - before:+}"
        assert until(lambda told=told: worker.said(told), PATIENCE)
        assert until(lambda told=told: other.said(told), PATIENCE)
        before = seconds
    time.sleep(2)
    faulty.go()
    queue.wait(ids)
    assert [queue.run(run_id).attempt for run_id in ids] == [1, 1]
    assert not worker.said("left alone")
    assert not other.said("left alone")


def write_as_before_the_clock_was_set_back(queue, seconds):
    """Have what is in the database come from so many seconds later."""
    with queue.database.write() as connection:
        later = runs.c.lease_expires_at + seconds
        connection.execute(update(runs).values(lease_expires_at=later))
        connection.execute(update(workers).values(beat_at=workers.c.beat_at + seconds))


def test_run_of_a_machine_that_was_lost_before_the_clock_was_set_back_is_taken_over(
    queue, redis, start_worker
):
    (run_id,) = queue.submit(steps=20)
    store.register_worker(
        queue.database,
        WorkerProcess(
            worker_id="w1",
            host="elsewhere",
            boot_id="boot",
            pid=7,
            pid_started=1.5,
            slots=1,
            version="0",
        ),
    )
    store.claim(queue.database, worker_id="w1", slot=0, lease_seconds=4)
    write_as_before_the_clock_was_set_back(queue, 7200)

    start_worker(slots=1, lease_seconds=4)

    queue.wait([run_id])
    assert [row.outcome for row in queue.attempts(run_id)] == ["expired", "succeeded"]


def test_worker_that_falls_silent_after_the_clock_was_set_back_is_not_called_healthy(queue):
    pid = os.getpid()
    me = WorkerProcess(
        worker_id="w1",
        host=host.hostname(),
        boot_id=host.boot_id(),
        pid=pid,
        pid_started=host.started(pid),
        slots=1,
        version="0",
    )
    store.register_worker(queue.database, me)
    heard_of = silence(queue.settings)

    write_as_before_the_clock_was_set_back(queue, 7200)

    assert heard_of < 60
    assert silence(queue.settings) > 7000


def test_clock_of_the_test_is_what_the_database_tells(set_clock):
    set_clock(7200)
    code = "import sqlite3; c = sqlite3.connect(':memory:')\n"
    code += "print((c.execute(\"SELECT julianday('now')\").fetchone()[0] - 2440587.5) * 86400)"

    told = float(subprocess.check_output([sys.executable, "-c", code]))

    assert told == pytest.approx(time.time() + 7200, abs=30)
