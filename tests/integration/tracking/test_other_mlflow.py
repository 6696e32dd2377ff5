"""MLflow's database of another version, or another program's: one line, and everything waits."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bptt import store, tracking
from bptt.errors import TrackingMismatch
from bptt.settings import Settings
from bptt.shipping.queue import QueueRounds
from bptt.tracking import database
from tests.integration.tracking.queued_grid import WORKER, QueuedGrid, open_queue
from tests.servers import put_mlflow_database


@pytest.fixture
def local(tmp_path: Path) -> Iterator[QueuedGrid]:
    queue = open_queue(tmp_path / "home", "", "other")
    yield queue
    queue.database.close()


def set_schema(file: Path, version: str) -> None:
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = ?", (version,))


def test_the_schema_that_is_read_from_the_files_is_the_one_that_mlflow_wants() -> None:
    from mlflow.store.db.utils import _get_latest_schema_revision

    known, newest = database.revisions()

    assert newest == _get_latest_schema_revision()
    assert newest in known
    assert "451aebb31d03" in known


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("451aebb31d03", "was written by an older MLflow than 3"),
        ("ffffffffffff", "was written by a newer MLflow than 3"),
    ],
)
def test_runs_wait_for_a_database_of_another_version_and_arrive_when_it_is_right(
    local: QueuedGrid, version: str, told: str
) -> None:
    file = local.settings.home / "mlflow.db"
    _, right = database.revisions()
    grid_id = local.submit()
    done = local.succeed(2)
    set_schema(file, version)
    shipping = QueueRounds(local.settings, local.database, WORKER)

    trouble = shipping.go()
    with pytest.raises(TrackingMismatch) as refused:
        tracking.check_target(local.settings)

    assert trouble == str(refused.value) == tracking.hindrance(local.settings)
    assert refused.value.exit_code == 2
    assert trouble.startswith(f"{file} {told}")
    assert "\n" not in trouble
    assert store.arrears(local.database).pending == 2

    set_schema(file, right)
    assert shipping.go() == ""

    assert {store.get_run(local.database, run_id).mlflow for run_id in done} == {"complete"}
    assert len(local.in_mlflow(grid_id, "train")) == 2


def test_the_command_that_is_told_upgrades_the_database(tmp_path: Path) -> None:
    # a path that a shell and a URL would take apart
    home = tmp_path / "a home"
    put_mlflow_database(home)
    file = home / "mlflow.db"
    downgrade(file)
    with pytest.raises(TrackingMismatch) as refused:
        tracking.check_target(Settings(home=home))

    command = str(refused.value).rpartition("upgrade it with: ")[2]
    subprocess.run(command, shell=True, check=True, capture_output=True)

    assert command.startswith(f"{sys.executable} -m mlflow db upgrade ")
    assert tracking.check_target(Settings(home=home)) == "up"


DOWNGRADE = """
import sys
from alembic import command
from mlflow.store.db.utils import _get_alembic_config, create_sqlalchemy_engine
engine = create_sqlalchemy_engine(sys.argv[1])
config = _get_alembic_config(sys.argv[1])
with engine.begin() as connection:
    config.attributes["connection"] = connection
    command.downgrade(config, "-1")
"""


def downgrade(file: Path) -> None:
    """Take the newest step of the schema back, if MLflow knows how; else only its number."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DOWNGRADE, f"sqlite:///{file}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"this is no database, but a text that somebody put there\n" * 100,
            "not a SQLite database",
        ),
        (None, "is not a database of MLflow's (its tables: mine)"),
    ],
)
def test_what_is_no_database_of_mlflow_is_left_as_it_is(
    local: QueuedGrid, content: bytes | None, told: str
) -> None:
    file = local.settings.home / "mlflow.db"
    if content is None:
        file.unlink()
        with closing(sqlite3.connect(file)) as made, made:
            made.execute("CREATE TABLE mine (x)")
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    local.submit()
    local.succeed(1)

    trouble = QueueRounds(local.settings, local.database, WORKER).go()

    assert told in trouble
    assert "\n" not in trouble
    assert file.read_bytes() == before


def test_a_database_that_is_a_folder_or_locked_is_told_in_one_line(local: QueuedGrid) -> None:
    file = local.settings.home / "mlflow.db"
    local.submit()
    local.succeed(1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        locked = QueueRounds(local.settings, local.database, WORKER).go()
    shutil.move(file, file.with_name("kept"))
    file.mkdir()
    folder = QueueRounds(local.settings, local.database, WORKER).go()

    assert "locked" in locked
    assert str(file) in folder
    assert "\n" not in locked + folder
    assert store.arrears(local.database).pending == 1


ANSWERS = {
    "404": (404, b"<html>nothing here</html>"),
    "a page": (200, b"<html>welcome</html>"),
    "OK and nothing else": (200, b"OK"),
    "500": (500, b"Traceback"),
}


@contextmanager
def answering(code: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_server_that_answers_nonsense_damages_no_run(
    tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    with answering(*answer) as url:
        queue = open_queue(tmp_path / "home", url, "nonsense")
        queue.submit()
        queue.succeed(3)

        trouble = QueueRounds(queue.settings, queue.database, WORKER).go()

    arrears = store.arrears(queue.database)
    queue.database.close()
    assert url in trouble
    assert "\n" not in trouble
    assert (arrears.pending, arrears.damaged) == (3, 0)


def test_an_address_that_cannot_be_one_is_told_too(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, mlflow_url="http://a.invalid:99999/x")

    told = tracking.hindrance(settings)

    assert "http://a.invalid:99999/x" in told
    assert "\n" not in told
