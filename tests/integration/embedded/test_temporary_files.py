"""What lies in the system's folder for temporary files after servers of a home: nothing."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.integration.embedded.homes import WITHIN, Home
from tests.servers import free_port, until
from tests.servers.process import die_with_parent


@pytest.fixture
def outside(folder: Path) -> Path:
    """Where a home's servers would put temporary files if nobody told them otherwise."""
    made = folder / "outside"
    made.mkdir()
    return made


@pytest.fixture
def home(folder: Path, outside: Path) -> Iterator[Home]:
    made = Home(folder / "home", TMPDIR=str(outside), BPTT_ACCESS_LOG="off")
    made.put_mlflow()
    yield made
    made.bptt("down")


@contextmanager
def server(home: Home, command: str, path: str = "") -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a server of a home when it answers what it is asked for, or has a folder."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(
        [sys.executable, "-m", "bptt", command, "--port", str(port)],
        env=home.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )

    def answers() -> bool:
        assert process.poll() is None
        if not path:
            return (home.folder / "tmp").exists() and folders(home) != []
        with suppress(OSError), urllib.request.urlopen(f"{url}{path}", timeout=60) as answer:
            return answer.status == 200
        return False

    try:
        assert until(answers, WITHIN)
        yield process
    finally:
        process.terminate()
        process.wait(WITHIN)
        assert until(lambda: not home.processes(), WITHIN)


def folders(home: Home) -> list[Path]:
    return [path for path in (home.folder / "tmp").iterdir() if path.is_dir()]


# the API has drafted something, in a process of its own
SERVERS = [("api", "/api/plugin?word=lstm"), ("ui", "/health")]


@pytest.mark.parametrize(("command", "path"), SERVERS)
def test_a_server_keeps_what_is_temporary_in_the_home(
    home: Home, outside: Path, command: str, path: str
) -> None:
    with server(home, command, path) as process:
        assert len(folders(home)) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN) == 0
        assert folders(home) == []
    assert list(outside.iterdir()) == []
    with server(home, command) as process:
        process.kill()
    # of the one that was killed
    assert len(folders(home)) == 1
    with server(home, "api", "/api/health"):
        assert len(folders(home)) == 1
    assert folders(home) == []


GRID = """
name: many
task: {name: latch, length: 5}
cell: rnn
model: {hidden_size: 4}
training: {steps: 60, batch_size: 4, evaluate_every: 30, evaluation_size: 16}
statistics: {interval: 20, jacobian_interval: 0}
seeds: 60
"""


@pytest.mark.soak
@pytest.mark.parametrize("end", ["down", "kill"])
def test_an_end_while_pictures_are_drawn_leaves_nothing(
    home: Home, outside: Path, folder: Path, end: str
) -> None:
    (folder / "many.yaml").write_text(GRID)

    def draws() -> bool:
        """Whether processes that draw have begun: the worker's own and those of pictures."""
        return sum(1 for one in (home.folder / "tmp").glob("*/pymp-*")) >= 2

    with home.up() as up:
        up.wait_ready()
        # all at once: one by one, as they end, no run waits for another's pictures
        shipping = home.pid_of("bptt.shipping.process")
        os.kill(shipping, signal.SIGSTOP)
        assert home.bptt("submit", str(folder / "many.yaml")).returncode == 0
        assert until(lambda: "60/60" in home.bptt("grids").stdout, 3 * WITHIN)
        os.kill(shipping, signal.SIGCONT)
        assert until(draws, WITHIN)
        if end == "kill":
            os.kill(up.pid, signal.SIGKILL)
            assert until(lambda: not home.processes(), WITHIN)
        else:
            assert home.bptt("down").returncode == 0
            assert folders(home) == []
    with home.up() as up:
        up.wait_ready()
        assert until(lambda: "60/60" in home.bptt("grids").stdout, 3 * WITHIN)
        assert home.bptt("down").returncode == 0
    assert folders(home) == []
    assert list(outside.iterdir()) == []
    runs = home.folder / "runs"
    assert [path for path in runs.rglob(".*") if path.name.count(".") > 1] == []
