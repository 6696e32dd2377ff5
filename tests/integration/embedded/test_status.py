"""`bptt status`: what is up, what waits, and what to do next."""

import json
import os
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bptt import store
from bptt.records.workers import WorkerProcess
from tests.integration.embedded.homes import WITHIN, Home
from tests.servers import until

GRID = """
name: small
task: latch
cell: rnn
clipper: none
training: {steps: 2}
seeds: 3
"""


def asked(home: Home) -> dict[str, Any]:
    answer = home.bptt("status", "--json")
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout))


def succeeded(home: Home) -> int:
    """Return how many runs have succeeded, without giving a command."""
    with closing(sqlite3.connect(home.folder / "bptt.db")) as database:
        rows = database.execute("SELECT count(*) FROM runs WHERE status = 'succeeded'")
        return int(rows.fetchone()[0])


def submit(home: Home, folder: Path) -> None:
    (folder / "small.yaml").write_text(GRID)
    submitted = home.bptt("submit", str(folder / "small.yaml"))
    assert submitted.returncode == 0, submitted.stderr


def test_an_empty_home_is_told_how_to_begin(home: Home) -> None:
    found = asked(home)

    assert found["up"] is None
    assert found["queue"] == {
        "counts": {},
        "claimable": 0,
        "workers": [],
        "arrears": {"pending": 0, "damaged": 0, "such_as": []},
        "disk": "",
    }
    assert found["hint"] == "Nothing is queued; queue a grid with: bptt submit FILE"


def test_runs_without_a_worker_are_told_what_they_wait_for(home: Home, folder: Path) -> None:
    submit(home, folder)

    told = home.bptt("status").stdout

    assert "3 queued" in told
    assert told.endswith("3 runs wait and no worker runs; start one with: bptt up -d\n")


def test_up_is_shown_with_its_worker_and_without_redis_it_is_degraded_and_not_down(
    home: Home, folder: Path
) -> None:
    submit(home, folder)
    with home.up() as up:
        up.wait_ready()

        assert until(lambda: succeeded(home) == 3, WITHIN)

        found = asked(home)
        assert found["queue"]["counts"] == {"succeeded": 3}
        (worker,) = found["queue"]["workers"]
        assert (found["up"]["pid"], found["up"]["ready"]) == (up.pid, True)
        assert found["broker"]["up"]
        assert (worker["pid"], worker["slots"]) == (home.pid_of("bptt worker"), 1)

        server = home.server_pid()
        assert server
        os.kill(server, signal.SIGSTOP)
        degraded = asked(home)
        # frozen it would not even end
        os.kill(server, signal.SIGCONT)

        assert not degraded["broker"]["up"]
        assert degraded["hint"].startswith("Degraded")
        assert up.end() == 0
    assert asked(home)["up"] is None


def test_a_database_that_cannot_be_read_hides_nothing_else(home: Home) -> None:
    assert home.bptt("database", "upgrade").returncode == 0
    with sqlite3.connect(home.folder / "bptt.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()

    answer = home.bptt("status")

    assert answer.returncode == 2
    assert "is newer than this bptt" in answer.stdout
    assert f"nothing in {home.folder}" in answer.stdout


def test_of_a_server_only_its_queue_is_asked(folder: Path) -> None:
    home = Home(folder / "home", BPTT_SERVER="http://127.0.0.1:1")

    answer = home.bptt("status", "--json")

    found = json.loads(answer.stdout)
    assert answer.returncode == 75
    assert (found["server"], found["broker"], found["up"]) == ("http://127.0.0.1:1", None, None)
    assert not home.folder.exists()


def test_what_is_left_when_it_ended_names_its_log(home: Home, folder: Path) -> None:
    submit(home, folder)
    log = home.folder / "log" / "up.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("The worker ended 3 times before it could train (signal 9).\n")

    found = asked(home)

    assert found["log"] == str(log)
    left = "No worker runs; what is left goes on where it stood with: bptt up -d"
    assert found["hint"] == f"{left} (what it said last: {log})"


@pytest.mark.parametrize(
    ("pid", "hint"),
    [(os.getpid(), "Degraded"), (2**22 + 1, "No worker runs")],
    # not the process's number, which differs between those that collect
    ids=["alive", "gone"],
)
def test_a_worker_that_was_killed_is_not_taken_for_one_without_redis(
    home: Home, folder: Path, pid: int, hint: str
) -> None:
    submit(home, folder)
    (home.folder / "log").mkdir(exist_ok=True)
    (home.folder / "log" / "up.log").write_text("")
    database = store.open_database(f"sqlite:///{home.folder / 'bptt.db'}")
    store.register_worker(
        database,
        WorkerProcess(
            worker_id="w",
            host=socket.gethostname(),
            boot_id="boot",
            pid=pid,
            pid_started=time.time(),
            slots=1,
            version="0",
        ),
    )
    database.close()

    assert asked(home)["hint"].startswith(hint)
