import contextlib
import http.server
import os
import socket
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bptt import store
from bptt.api.application import create_app
from bptt.client import connect
from bptt.client.in_process import InProcess
from bptt.records.ownership import Beat, Failure
from bptt.records.workers import WorkerProcess
from bptt.settings import Settings, for_child
from bptt.store.tables import metadata
from tests.servers import application_of, postgres_server
from tests.servers.warm import start

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
def serve(settings, *options, said=subprocess.PIPE, warm=True):
    """Run `bptt api` with these settings until it answers; yield its address."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    process = start(
        *("api", "--port", str(port), *options),
        warm=warm,
        # a pipe that nobody reads would fill with it
        env=for_child(replace(settings, access_log="off") if said is subprocess.PIPE else settings),
        stdout=said,
        stderr=subprocess.STDOUT,
    )
    try:
        until = time.monotonic() + 120
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{address}/api/health", trust_env=False)
                break
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture
def served():
    return serve


@pytest.fixture
def served_near():
    return application_of


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
        self.worker = WorkerProcess(
            worker_id="w1",
            host="here",
            boot_id="boot",
            pid=1,
            pid_started=1.0,
            slots=2,
            version="0",
        )
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


class Team:
    """An application that asks for tokens, and people who have one."""

    def __init__(self, settings):
        self.settings = settings
        self.database = store.open_database(settings.database)
        store.upgrade(self.database)
        self.tokens, self.prefixes = {}, {}
        for user, role in (("root", "admin"), ("anna", "user"), ("bob", "user")):
            token, known = store.create_token(self.database, user=user, role=role)
            self.tokens[user], self.prefixes[user] = token, known.prefix
        self.app = create_app(settings, "tokens")
        self.http = httpx.Client(transport=InProcess(self.app), base_url="http://in-process")

    def ask(self, user, method, path, **content):
        """Ask as somebody, or without a token as nobody."""
        headers = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
        return self.http.request(method, path, headers=headers, **content)

    def everything(self):
        """Return every row of every table, but for when a token was used."""
        with self.database.read() as connection:
            rows = {
                table.name: [dict(row._mapping) for row in connection.execute(table.select())]
                for table in metadata.sorted_tables
            }
        for token in rows["tokens"]:
            del token["last_used_at"]
        # PostgreSQL gives them in the order in which they were last written
        return {name: sorted(map(repr, content)) for name, content in rows.items()}


@pytest.fixture(params=["sqlite", "postgresql"])
def team(request, home):
    """A team, on each of the two databases."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").new_database()
    team = Team(Settings(home=home, database_url=url))
    yield team
    team.http.close()
    team.database.close()


@pytest.fixture
def answering(monkeypatch):
    """Return a function that serves one answer to everything, after some seconds; its address.

    `asked`, a list, receives the body of every request.
    """
    servers = []

    def serve_answer(status=200, headers=(), body=b"{}", seconds=0.0, asked=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if asked is not None:
                    asked.append(content)
                time.sleep(seconds)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                self.do_GET()

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield serve_answer
    for server in servers:
        server.shutdown()
        server.server_close()
