"""The application that `bptt up` keeps running: what commands are spared, and what they still see.

Commands that find it answer as those that do not; `test_one_door` compares them.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bptt.api import application_socket
from bptt.client import connect, nearby
from bptt.settings import Settings, read_settings
from tests.servers import application_of, is_alive, until

SPARED = {
    *("torch", "numpy", "scipy", "matplotlib", "mlflow", "alembic", "ruamel"),
    *("fastapi", "starlette", "httpx", "uvicorn", "sqlalchemy", "celery", "redis"),
    *("bptt.store", "bptt.run_file", "bptt.training", "bptt.kernels", "bptt_plugins"),
}
GRID = "{task: latch, cell: rnn, clipper: mine, training: {steps: 1}}\n"
METADATA = "Metadata-Version: 2.1\nName: my-bits\nVersion: 1.0\n"
CLIPPER = """
from bptt_plugins.clippers.none import NoClipping
class Mine(NoClipping):
    "Do nothing."
    def __init__(self, *, much: int = 1) -> None:
        assert MOST
"""


@pytest.fixture
def settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("BPTT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BPTT_HOME", str(folder / "home"))
    monkeypatch.chdir(folder)
    (folder / "latch.yaml").write_text(GRID.replace("clipper: mine, ", ""))
    return read_settings()


@pytest.fixture
def kept(settings: Settings) -> Iterator[Settings]:
    """A home whose application answers."""
    with application_of(settings):
        yield settings


def bptt(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bptt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def imported(*arguments: str) -> set[str]:
    """Return what a command imports in a fresh process, which has to succeed."""
    program = (
        "import json, sys\n"
        "from bptt.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "sys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_commands_import_neither_the_application_nor_what_trains(kept: Settings) -> None:
    for command in (
        ["submit", "latch.yaml", "--set", "seeds=3"],
        ["submit", "latch.yaml", "--dry-run"],
        ["grid", "latch.yaml"],
        *(["status"], ["grids"], ["runs", "latch"], ["show", "latch"], ["show", "latch/0"]),
        ["compare", "latch"],
        ["cancel", "latch", "--yes"],
    ):
        assert imported(*command) & SPARED == set(), command


def install(site: Path) -> None:
    info = site / "my_bits-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("[bptt.clippers]\nmine = my_bits:Mine\n")


def test_a_plugin_installed_or_edited_meanwhile_is_the_one_that_is_checked(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder / "site"
    site.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    (folder / "mine.yaml").write_text(GRID)
    with application_of(settings):
        before = bptt("submit", "mine.yaml", "--dry-run")
        install(site)
        (site / "my_bits.py").write_text(f"MOST = 5\n{CLIPPER}")
        installed = bptt("submit", "mine.yaml", "--dry-run", "--set", "clipper.much=5")
        # another application has started meanwhile, or this command does its own work
        (site / "my_bits.py").write_text(f"MOST = 50\n{CLIPPER}".replace("much", "more"))
        edited = bptt("submit", "mine.yaml", "--dry-run", "--set", "clipper.much=5")
        again = bptt("submit", "mine.yaml", "--dry-run", "--set", "clipper.more=5")

    assert (before.returncode, "mine" in before.stderr) == (2, True), before
    assert (installed.returncode, again.returncode) == (0, 0), (installed, again)
    assert (edited.returncode, "clipper.much is not an option" in edited.stderr) == (2, True)


def application(settings: Settings) -> int:
    """Return the process that answers in a home."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(application_socket(settings.home)))
    with connect(settings) as client:
        client.health()
    mine = f"BPTT_HOME={settings.home}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (
                mine in (place / "environ").read_bytes().split(b"\0")
                and b"application_process" in (place / "cmdline").read_bytes()
            ):
                return int(place.name)
        except OSError:
            continue
    raise AssertionError("no application runs")


def test_a_killed_application_is_started_again_and_nobody_misses_it(kept: Settings) -> None:
    first = application(kept)
    with connect(kept) as client:
        client.submit("latch.yaml")
        os.kill(first, signal.SIGKILL)
        assert until(lambda: not is_alive(first), 30)
        assert [grid.name for grid in client.grids()] == ["latch"]
    assert until(lambda: another(kept, first), 60)


def another(settings: Settings, first: int) -> bool:
    """Return whether an application runs that is not the first one."""
    try:
        return application(settings) != first
    except AssertionError:
        # asked while the next one starts, which the client then does without
        return False


def test_a_frozen_application_holds_nobody_up(
    kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = application(kept)
    monkeypatch.setattr(nearby, "GREETED_WITHIN", 0.3)
    os.kill(frozen, signal.SIGSTOP)
    try:
        with connect(kept) as client:
            assert client.grids() == []
    finally:
        os.kill(frozen, signal.SIGCONT)


def test_a_client_with_other_settings_does_its_own_work(kept: Settings, folder: Path) -> None:
    there = application(kept)
    other = Settings(home=kept.home, data_file_mb=1)

    assert nearby.nearby(kept, {}) is not None
    assert nearby.nearby(other, {}) is None
    assert is_alive(there)


def test_an_application_of_other_code_is_replaced(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder / "site"
    site.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    with application_of(settings):
        old = application(settings)
        (site / "upgraded.py").write_text("")
        assert nearby.nearby(settings, {}) is None
        assert until(lambda: not is_alive(old), 60)
        assert until(lambda: nearby.nearby(settings, {}) is not None, 60)


def test_memory_is_given_back_when_nobody_asks(settings: Settings) -> None:
    settings.home.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(application_socket(settings.home)))
    listener.listen()
    program = (
        "import bptt.api.near as near, bptt.embedded.application_process as process\n"
        "near.IDLE_AT_MOST, near.LOOK_EVERY = 1.0, 0.1\n"
        "process.main()"
    )
    number = listener.fileno()
    command = [sys.executable, "-c", program, str(number)]
    with listener, subprocess.Popen(command, pass_fds=[number]) as process:
        with connect(settings) as client:
            client.health()
        assert process.wait(60) == 0
