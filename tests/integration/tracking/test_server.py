"""`bptt ui` and `bptt ship`, and the pages of an MLflow server on the embedded database."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from bptt.cli.commands.ship import ship as ship_command
from bptt.errors import InvalidSetting, TrackingUnavailable
from bptt.tracking import server, ship, target_of

SHIP = """
import logging
import sys
from pathlib import Path
from bptt.run_folder import RunFolder
from bptt.shipping.thread import Shipper
from bptt.tracking import Target
home, folder, uri = Path(sys.argv[1]), RunFolder(Path(sys.argv[2])), sys.argv[3]
shipper = Shipper(Target(uri, home if uri.startswith("sqlite") else None))
shipper.add(folder)
drained = shipper.drain(float(sys.argv[4]))
for name in ("mlflow.store", "alembic.runtime", "sqlalchemy.pool"):
    logging.getLogger(name).warning("what nobody asked for")
sys.exit(0 if drained else 3)
"""


def get(url, **query):
    with urllib.request.urlopen(f"{url}?{urlencode(query)}", timeout=10) as answer:
        return answer.read()


def test_runs_of_the_embedded_database_show_up_in_its_server(make_run, mlflow_server, stored):
    run = make_run()
    run.write_whole()
    embedded = target_of(mlflow_server.settings)

    ship(run.folder, embedded)

    over_http = stored(target_of(mlflow_server.settings_of_client), run.folder)
    assert over_http.points == run.points
    assert over_http.artifacts() == stored(embedded, run.folder).artifacts()
    for path in over_http.artifacts():
        got = get(f"{mlflow_server.url}/get-artifact", path=path, run_uuid=over_http.run_id)
        assert got
    assert (
        get(f"{mlflow_server.url}/get-artifact", path="env.txt", run_uuid=over_http.run_id)
        == (run.folder.artifacts / "env.txt").read_bytes()
    )


def test_links_lead_to_every_experiment_but_mlflows_own(make_run, mlflow_server):
    run = make_run()
    run.finish()
    ship(run.folder, target_of(mlflow_server.settings))

    links = server.links(mlflow_server.settings, "http://here:1")

    project = run.folder.read_run().project
    assert links[project].startswith("http://here:1/#/experiments/")
    assert "Default" not in links


def test_links_of_a_server_that_is_away_are_unavailable(second_server):
    with pytest.raises(TrackingUnavailable):
        server.links(second_server.settings_of_client, second_server.url)


def test_taken_port_is_refused(mlflow_server):
    with pytest.raises(InvalidSetting, match=f"Port {mlflow_server.port} .* --port"):
        server.check_server(mlflow_server.port)


def test_ui_prints_a_link_and_becomes_the_server(make_run, tmp_path):
    run = make_run()
    run.finish()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "bptt", "ui", "--port", str(port)],
        env={**os.environ, "BPTT_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        first = process.stdout.readline()
        deadline = time.monotonic() + 90
        body = b""
        while body != b"OK" and time.monotonic() < deadline:
            try:
                body = get(f"http://127.0.0.1:{port}/health")
            except OSError:
                time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        process.stdout.close()

    assert body == b"OK"
    assert f"http://127.0.0.1:{port}/#/experiments/" in first


@pytest.mark.parametrize("place", ["sqlite", "closed port"])
def test_shipping_says_nothing_on_the_terminal(make_run, tmp_path, place):
    run = make_run()
    run.write_whole()
    home = tmp_path / "quiet home"
    uri = f"sqlite:///{home / 'mlflow.db'}" if place == "sqlite" else "http://127.0.0.1:9"
    wait = "60" if place == "sqlite" else "4"

    done = subprocess.run(
        [sys.executable, "-c", SHIP, str(home), str(run.folder.path), uri, wait],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert (done.stdout, done.stderr) == ("", "")
    assert done.returncode == (0 if place == "sqlite" else 3)
    # mlflow's own default would be a folder or a database where one happens to stand
    assert not (tmp_path / "mlruns").exists()


def test_ship_sends_what_was_left_and_says_so(make_run, mlflow_server, tmp_path, monkeypatch):
    monkeypatch.setenv("BPTT_HOME", str(tmp_path))
    monkeypatch.setenv("BPTT_MLFLOW_URL", mlflow_server.url)
    runs = [make_run(), make_run()]
    for run in runs:
        run.finish()

    done = CliRunner().invoke(ship_command)
    again = CliRunner().invoke(ship_command)

    assert done.exit_code == 0
    assert done.output.splitlines() == [f"{run.folder.run_id}  shipped" for run in runs]
    assert again.output == "Everything is in MLflow.\n"


def test_ship_reports_as_json(make_run, mlflow_server, tmp_path, monkeypatch):
    monkeypatch.setenv("BPTT_HOME", str(tmp_path))
    monkeypatch.setenv("BPTT_MLFLOW_URL", mlflow_server.url)
    run = make_run()
    run.finish()

    done = CliRunner().invoke(ship_command, ["--json"])

    (line,) = json.loads(done.output)
    assert (line["run_id"], line["shipped"]) == (run.folder.run_id, True)
    assert line["mlflow_run_id"] == run.folder.read("shipped")["mlflow_run_id"]


def test_ship_fails_in_one_line_while_the_server_is_away(tmp_path, monkeypatch):
    monkeypatch.setenv("BPTT_HOME", str(tmp_path))
    monkeypatch.setenv("BPTT_MLFLOW_URL", "http://127.0.0.1:9")

    done = CliRunner().invoke(ship_command)

    assert isinstance(done.exception, TrackingUnavailable)
    assert done.exception.exit_code == 1
