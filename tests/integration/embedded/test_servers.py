"""The servers that other tests rest on."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from tests.servers import (
    Kind,
    PostgresServer,
    is_alive,
    start_postgres,
    start_redis,
    until,
)


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_what_redis_was_told_survives_a_kill(folder: Path, kind: Kind) -> None:
    with start_redis(folder, kind) as server, closing(server.client()) as client:
        client.set("told", "yes")

        server.restart()

        assert client.get("told") == "yes"


def test_redis_over_tcp_asks_for_its_password(folder: Path) -> None:
    with start_redis(folder, tcp=True) as server:
        with closing(server.client()) as client:
            assert client.ping()

        wrong = redis.Redis(host="127.0.0.1", port=server.port, password="wrong")

        with closing(wrong), pytest.raises(redis.AuthenticationError):
            wrong.ping()


def test_what_postgres_committed_survives_a_kill(folder: Path) -> None:
    with start_postgres(folder) as server:
        server.execute("CREATE TABLE told (answer text)")
        server.execute("INSERT INTO told VALUES ('yes')")

        server.restart()

        assert server.execute("SELECT answer FROM told") == [("yes",)]


def test_each_database_of_postgres_is_empty(folder: Path) -> None:
    with start_postgres(folder) as server:
        first, second = _new_name(server), _new_name(server)
        server.execute("CREATE TABLE told (answer text)", first)

        tables = server.execute("SELECT to_regclass('told')", second)

        assert first != second
        assert tables == [(None,)]


def _new_name(server: PostgresServer) -> str:
    return urlsplit(server.new_database()).path.removeprefix("/")


def test_postgres_over_tcp_asks_for_its_password(folder: Path) -> None:
    with start_postgres(folder, tcp=True) as server:
        url = server.new_database().replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.replace(server.password, "wrong"))


START_AND_WAIT = """
import sys, time
from pathlib import Path
from tests.servers import start_postgres, start_redis
folder = Path(sys.argv[1])
print(start_redis(folder / "r").pid, start_postgres(folder / "p").pid, flush=True)
time.sleep(600)
"""


def test_no_server_outlives_a_killed_test(folder: Path) -> None:
    command = [sys.executable, "-c", START_AND_WAIT, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as test:
        assert test.stdout is not None
        pids = [int(pid) for pid in test.stdout.readline().split()]
        assert len(pids) == 2

        os.kill(test.pid, signal.SIGKILL)

        assert until(lambda: not any(is_alive(pid) for pid in pids))
