import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bptt import store
from bptt.client import connect
from bptt.settings import Settings, for_child
from bptt.store.records import Beat, Failure, Worker
from tests.servers import postgres_server

__all__ = ["postgres_server"]

GRID = "name: bias\ntask: latch\ncell: [rnn, {name: lstm, forget_bias: [0, 3]}]\nseeds: 2\n"
RESULT = {
    "outcome": "solved",
    "step": 1000,
    "metric": "accuracy",
    "metrics": {"eval/accuracy": 1.0},
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("BPTT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BPTT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def settings(home):
    return Settings(home=home)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def serve(settings):
    """Run `bptt api` with these settings until it answers; yield its address."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "bptt", "api", "--port", str(port)]
    process = subprocess.Popen(
        command,
        env=for_child(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        until = time.monotonic() + 120
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{address}/api/health", trust_env=False)
                break
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture
def served():
    return serve


@pytest.fixture(params=["in-process", "http"])
def client(request, settings):
    """A client of each kind, of the same home."""
    if request.param == "in-process":
        with connect(settings) as client:
            yield client
        return
    with serve(settings) as address, connect(Settings(server=address)) as client:
        yield client


@pytest.fixture
def local(settings):
    """The client in this process, for what does not depend on the way."""
    with connect(settings) as client:
        yield client


@pytest.fixture
def file():
    path = Path("bias.yaml")
    path.write_text(GRID)
    return path


class Owner:
    """Stands in for a worker: claims and ends runs as one does."""

    def __init__(self, settings):
        self.database = store.open_database(settings.database)
        self.worker = Worker("w1", "here", "boot", 1, 1.0, slots=2, version="0")
        store.register_worker(self.database, self.worker)

    def claim(self):
        return store.claim(self.database, worker_id="w1", slot=0, lease_seconds=600)

    def begin(self, step=1, step_seconds=0.01):
        """Claim a run and report a step of it."""
        run = self.claim()
        assert run is not None
        beat = Beat(run.run_id, run.attempt, step=step, step_seconds=step_seconds)
        store.renew(self.database, "w1", [beat], 600)
        return run

    def succeed(self, run):
        assert store.finish(self.database, run.run_id, run.attempt, RESULT, 1000)

    def fail(self, run, cause="plugin_error", message="ValueError: no", log_tail="no\n"):
        failure = Failure(cause, message, log_tail, exit_code=1)
        assert store.fail(self.database, run.run_id, run.attempt, failure, 0)

    def finish_all(self):
        """Let everything that can be claimed succeed."""
        ended = []
        while (run := self.claim()) is not None:
            self.succeed(run)
            ended.append(run.run_id)
        return ended


@pytest.fixture
def new_owner():
    """Return a factory of owners; the database has to be there when it is called."""
    owners = []

    def make(settings):
        owners.append(Owner(settings))
        return owners[-1]

    yield make
    for owner in owners:
        owner.database.close()
