"""What can be wrong around `bptt up`: each is a clear line, and nothing of others is touched."""

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bptt.job_queue import socket_path
from bptt.settings import Settings
from tests.integration.embedded.homes import Home
from tests.servers import start_postgres, start_redis


def test_a_stranger_on_the_socket_is_left_alone(home: Home) -> None:
    home.folder.mkdir()
    with socket.socket(socket.AF_UNIX) as stranger, home.up() as up:
        stranger.bind(str(home.folder / "redis.sock"))
        stranger.listen()

        code = up.wait()

        assert code == 2
        line = f"Another process ({os.getpid()}) listens on {home.folder / 'redis.sock'}"
        assert up.said().startswith(line)
        assert len(up.said().splitlines()) == 1
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(home.folder / "redis.sock"))


def test_a_home_with_a_long_path_has_its_socket_in_a_folder_of_its_own(folder: Path) -> None:
    home = _long(folder)

    with home.up() as up:
        up.wait_ready()

        (place,) = folder.glob("bptt-*")
        assert place.stat().st_mode & 0o777 == 0o700
        assert (place / "redis.sock").is_socket()
        assert up.end() == 0


def test_a_folder_for_the_socket_that_others_can_use_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _long(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    place = socket_path(Settings(home=home.folder)).parent
    place.mkdir()
    place.chmod(0o777)

    with home.up() as up:
        code = up.wait()

        assert code == 2
        assert up.said().startswith(f"{place} must be a folder of yours")


def _long(folder: Path) -> Home:
    return Home(folder / ("long" * 30), TMPDIR=str(folder))


def test_a_wrong_password_is_told_and_not_shown(folder: Path) -> None:
    with start_redis(folder / "redis", tcp=True) as server:
        url = server.url.replace(server.password, "mistyped")
        home = Home(folder / "home", BPTT_REDIS_URL=url)

        with home.up() as up:
            code = up.wait()

            assert code == 75
            assert "refuses the password in BPTT_REDIS_URL" in up.said()
            assert "mistyped" not in up.said()


def test_no_server_is_started_where_one_is_given(folder: Path) -> None:
    with start_redis(folder / "redis", tcp=True) as server:
        home = Home(folder / "home", BPTT_REDIS_URL=server.url)

        with home.up() as up:
            up.wait_ready()

            assert not (home.folder / "redis.sock").exists()
            assert up.end() == 0


def test_a_database_of_a_newer_version_is_left_alone(home: Home) -> None:
    assert home.bptt("database", "upgrade").returncode == 0
    with sqlite3.connect(home.folder / "bptt.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()

    with home.up() as up:
        code = up.wait()

        assert code == 2
        assert "is newer than this bptt" in up.said()


def test_a_shared_database_without_tables_is_not_made_in_passing(folder: Path) -> None:
    with start_postgres(folder / "p") as server:
        home = Home(folder / "home", BPTT_DATABASE_URL=server.new_database())

        with home.up() as up:
            code = up.wait()

            assert code == 2
            assert "Run: bptt database upgrade" in up.said()


def test_up_is_refused_where_a_server_is_named(folder: Path) -> None:
    home = Home(folder / "home", BPTT_SERVER="http://127.0.0.1:1")

    refused = home.bptt("up")

    assert refused.returncode == 2
    assert "BPTT_SERVER is set" in refused.stderr


FAIL_AS_WORKER = """
import os, sys
if sys.orig_argv[-1] == "worker":
    print("no torch today", file=sys.stderr, flush=True)
    os._exit(3)
"""


def test_a_worker_that_never_starts_ends_up_with_its_last_words(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(FAIL_AS_WORKER)
    home = Home(folder / "home", PYTHONPATH=str(folder))

    up = home.bptt("up", "-d")

    assert up.returncode == 1
    assert "The worker ended 3 times before it could train (exit code 3)" in up.stderr
    assert "no torch today" in up.stderr
    assert home.processes() == {}


def test_a_full_disk_is_told_before_anything_is_started(folder: Path) -> None:
    home = Home(folder / "home")
    home.folder.mkdir()
    mount = f"mount -t tmpfs -o size=1m none {home.folder}"
    command = f"{mount} && exec {sys.executable} -m bptt up"

    # a mount of its own, which goes when the process ends
    refused = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command],
        env=home.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 2, refused.stderr
    assert f"The disk of {home.folder} is full: 1.0 MiB are left" in refused.stderr
