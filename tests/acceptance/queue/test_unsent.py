"""What has not reached MLflow, and what did not move: said where people look."""

import json
from pathlib import Path

import pytest

from bptt import store
from bptt.tracking import server

IDLE = """
name: still
task: {name: latch, length: 12}
cell: rnn
model: {hidden_size: 4}
optimizer: {name: sgd, lr: 1.0e-30}
training: {steps: 10, batch_size: 4, evaluate_every: 10, evaluation_size: 8}
statistics: {interval: 10}
"""


@pytest.fixture
def served(monkeypatch):
    """Let MLflow be served already, with one page."""
    monkeypatch.setattr(server, "links", lambda *_: {"latch": "http://there"})
    monkeypatch.setattr(server, "is_served", lambda *_: True)


def test_ui_and_down_say_how_many_runs_have_not_reached_mlflow_and_why(
    bptt, submitted, machine, served
):
    worker = machine()
    worker.finish_all()

    code, out, errors = bptt("ui")
    assert (code, out) == (0, "latch: http://there\n")
    assert errors == ["6 runs have not reached MLflow yet: they are being sent"]
    told = {"address": "http://127.0.0.1:5000", "projects": {"latch": "http://there"}}
    assert json.loads(bptt("ui", "--json")[1]) == {**told, "unsent": errors}

    why = "MLflow at http://lab:5000 does not answer"
    store.tell_shipping(worker.database, "w1", f"{why}.")
    expected = f"6 runs have not reached MLflow yet: {why}"
    assert bptt("ui")[2] == [expected]
    assert expected in bptt("down")[1].splitlines()

    store.remove_worker(worker.database, "w1")
    (line,) = bptt("ui")[2]
    assert line.startswith("6 runs have not reached MLflow yet: no worker runs; ")
    assert line in bptt("down")[1].splitlines()


def test_without_a_queue_nothing_is_said_of_what_waits(bptt, served, home):
    assert bptt("ui")[2] == []
    assert not (home / "bptt.db").exists()


def test_show_says_of_a_run_that_its_updates_moved_nothing(bptt, monkeypatch):
    monkeypatch.setenv("BPTT_MLFLOW_URL", "http://127.0.0.1:1")
    Path("still.yaml").write_text(IDLE)
    assert bptt("run", "still.yaml", "--quiet")[0] == 0
    assert bptt("run", "still.yaml", "--quiet", "--set", "optimizer.lr=0.1")[0] == 0
    still, moving = (line.split()[0] for line in bptt("show")[1].splitlines())

    (told,) = [line for line in bptt("show", still)[1].splitlines() if "not moved" in line]
    assert "since step 1 or earlier no logged update changed a parameter" in told
    assert "too small or 0 in float32" in told
    assert "not moved" not in bptt("show", moving)[1]
