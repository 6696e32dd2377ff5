"""BPTT_HOME by every name a folder can have: all of it lies there, nothing of it elsewhere."""

import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from bptt import job_queue, store
from bptt.embedded.home import prepare_home
from bptt.embedded.server import server_program, start_server_and_wait
from bptt.errors import InvalidSetting
from bptt.settings import read_settings
from bptt.tracking import target_of
from bptt.tracking.client import connect
from tests.integration.embedded.homes import WITHIN, Home
from tests.servers import free_port, put_mlflow_database, until
from tests.servers.process import die_with_parent

NAMES = (
    *("a%20b", "%2Fetc", "why?1", "x#y;p=1", "s p", "a@b:c&d=e+f", "q'\"`$x", "back\\slash"),
    *("é中😀", "\u3000", "[red]x", "{0}%n%(x)s%%", "-dash", "~tilde", "file:x", "*?[a]"),
    *("mode=rw&uri=true", "%", "n" * 200),
)

RUN = """
task: {name: latch, length: 10}
cell: rnn
model: {hidden_size: 4}
training: {steps: 20, batch_size: 4, evaluate_every: 10, evaluation_size: 16}
statistics: {interval: 10, jacobian_interval: 0}
"""


@pytest.mark.parametrize("name", NAMES)
def test_databases_artifacts_and_socket_lie_in_a_home_of_this_name_and_nowhere_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    home = folder / "in" / name
    home.mkdir(parents=True)
    monkeypatch.setenv("BPTT_HOME", str(home))
    settings = read_settings()

    with closing(store.open_database(settings.database)) as database:
        store.upgrade(database)
        store.check(database)
        assert database.file == home / "bptt.db"
        store.backup(database, home / "copy.db")
    with closing(sqlite3.connect(home / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM grids").fetchone() == (0,)

    put_mlflow_database(home)
    before = (home / "mlflow.db").read_bytes()
    target = target_of(settings)
    client: MlflowClient = connect(target)
    run = client.create_run(client.create_experiment("names", target.artifacts)).info.run_id
    (home / "note").write_text("kept")
    client.log_artifact(run, str(home / "note"), "sub")
    assert (home / "mlflow.db").read_bytes() != before
    assert (home / "artifacts" / run / "artifacts" / "sub" / "note").read_text() == "kept"
    assert Path(client.download_artifacts(run, "sub/note")).read_text() == "kept"

    prepare_home(settings)
    server = server_program(settings)
    start_server_and_wait(settings, server)
    try:
        assert job_queue.send_tokens(settings, 2) == 2
        assert job_queue.waiting_tokens(settings) == 2
    finally:
        server.kill()
    assert (home / "redis").is_dir()

    assert list((folder / "in").iterdir()) == [home]


@pytest.mark.parametrize(
    "name",
    [
        "why? a%20b é [x] #;'\"",
        pytest.param("a%20b", marks=pytest.mark.soak),
        pytest.param("n" * 120, marks=pytest.mark.soak),
    ],
)
def test_a_grid_is_queued_trained_and_shipped_in_a_home_of_this_name(
    folder: Path, name: str
) -> None:
    home = Home(folder / "in" / name)
    home.put_mlflow()
    grid = folder / "run.yaml"
    grid.write_text(RUN)
    try:
        for command in (["up", "-d"], ["submit", str(grid)], ["watch"]):
            done = home.bptt(*command)
            assert done.returncode == 0, done.stderr
        (found,) = json.loads(home.bptt("runs", "--json").stdout)
        assert (found["status"], home.bptt("doctor").returncode) == ("succeeded", 0)
        shown = home.bptt("show", found["run_id"])
        assert (shown.returncode, found["run_id"] in shown.stdout) == (0, True)
        run = home.folder / "runs" / found["run_id"]
        shipped = [*run.glob("shipped.json"), *run.glob("a*/shipped.json")]
        assert until(
            lambda: (
                any(json.loads(file.read_text())["complete"] for file in shipped)
                or shipped.extend(run.rglob("shipped.json"))
            ),
            WITHIN,
        )
    finally:
        assert home.bptt("down").returncode == 0
    assert sorted(path.name for path in (folder / "in").iterdir()) == [name]
    assert (home.folder / "bptt.db").exists()
    assert list((home.folder / "artifacts").rglob("config.yaml"))


def test_the_pages_of_mlflow_serve_a_home_whose_name_holds_an_escape(folder: Path) -> None:
    home = Home(folder / "in" / "a%20b?c#d")
    home.put_mlflow()
    (folder / "run.yaml").write_text(RUN)
    assert home.bptt("run", str(folder / "run.yaml"), "--quiet").returncode == 0
    (artifact,) = (home.folder / "artifacts").rglob("config.yaml")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (folder / "said").open("wb") as said:
        server = subprocess.Popen(
            [sys.executable, "-m", "bptt", "ui", "--port", str(port)],
            env=home.environment,
            stdout=said,
            stderr=said,
            preexec_fn=die_with_parent,
        )
        try:
            run = artifact.parents[1].name
            link = f"{address}/get-artifact?path=config.yaml&run_uuid={run}"
            assert until(lambda: _get(link), WITHIN), (folder / "said").read_text()
            assert _get(link) == artifact.read_bytes()
        finally:
            server.terminate()
            server.wait(WITHIN)
    assert [path.name for path in (folder / "in").iterdir()] == ["a%20b?c#d"]


def _get(link: str) -> bytes:
    try:
        with urllib.request.urlopen(link, timeout=10) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\nb", "without line breaks"),
        ("a\tb", "without line breaks"),
        ("a\u2028b", "without line breaks"),
        (os.fsdecode(b"a\xffb"), "bytes that are not UTF-8"),
    ],
)
def test_a_name_that_breaks_lines_or_is_no_text_is_refused_in_one_line_and_makes_nothing(
    folder: Path, name: str, said: str
) -> None:
    home = Home(folder / "in" / name)
    (folder / "in").mkdir()
    (folder / "run.yaml").write_text(RUN)
    for command in (["submit", str(folder / "run.yaml")], ["status"], ["up"], ["runs"], ["doctor"]):
        done = home.bptt(*command)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("BPTT_HOME must be a path")
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr
    assert list((folder / "in").iterdir()) == []


def test_a_home_of_a_user_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPTT_HOME", "~nobody-of-this-name/bptt")
    with pytest.raises(InvalidSetting, match="BPTT_HOME must be a path that can be found"):
        read_settings()


def test_the_dots_of_a_link_are_those_of_the_folder_it_leads_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "far" / "below").mkdir(parents=True)
    (folder / "link").symlink_to(folder / "far" / "below")
    monkeypatch.setenv("BPTT_HOME", f"{folder}/link/../home/")
    assert read_settings().home == (folder / "far" / "home").resolve()


def test_a_home_named_from_here_is_the_same_for_all_that_are_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BPTT_HOME", "a%20b")
    assert read_settings().home == folder / "a%20b"


def test_a_socket_fits_however_long_the_home_and_the_folder_for_temporary_files_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = folder / ("t" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    monkeypatch.setenv("BPTT_HOME", str(folder / ("h" * 120)))
    path = job_queue.socket_path(read_settings())
    assert len(os.fsencode(path)) <= job_queue.SOCKET_PATH_AT_MOST
