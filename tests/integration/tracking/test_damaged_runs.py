"""One run that cannot be read, or a grid of which it is part, stops no other from being sent."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bptt import store
from bptt.run_folder import RunFolder
from bptt.shipping import outbox, set_aside
from bptt.shipping.queue import QueueRounds
from tests.integration.tracking.queued_grid import WORKER, QueuedGrid, open_queue


def _journal_is_no_json(folder: RunFolder) -> None:
    folder.journal.write_bytes(b'{"step": 1, "ti\0\0\0\n' + folder.journal.read_bytes() + b"]]\n")


def _journal_misses_a_field(folder: RunFolder) -> None:
    folder.journal.write_bytes(b'{"metrics": {"eval/loss": 1.0}}\n')


def _file_is_a_folder(name: str) -> Callable[[RunFolder], None]:
    def damage(folder: RunFolder) -> None:
        (folder.path / name).unlink(missing_ok=True)
        (folder.path / name).mkdir()

    return damage


def _result_is_torn(folder: RunFolder) -> None:
    (folder.path / "result.json").write_text('{"outcome": "fin')


def _result_says_nothing(folder: RunFolder) -> None:
    (folder.path / "result.json").write_text("{}")


def _run_is_empty(folder: RunFolder) -> None:
    (folder.path / "run.json").write_bytes(b"")


def _artifacts_are_a_file(folder: RunFolder) -> None:
    shutil.rmtree(folder.artifacts, ignore_errors=True)
    folder.artifacts.write_text("not a folder")


def _link_leads_in_circles(folder: RunFolder) -> None:
    folder.journal.unlink()
    folder.journal.symlink_to(folder.journal)


def _folder_is_gone(folder: RunFolder) -> None:
    shutil.rmtree(folder.path.parent)


DAMAGES = {
    "journal is no JSON": _journal_is_no_json,
    "journal lacks a field": _journal_misses_a_field,
    "journal is a folder": _file_is_a_folder("journal.jsonl"),
    "journal is a link to itself": _link_leads_in_circles,
    "result is torn": _result_is_torn,
    "result is empty": _result_says_nothing,
    "result is a folder": _file_is_a_folder("result.json"),
    "run is empty": _run_is_empty,
    "artifacts are a file": _artifacts_are_a_file,
    "folder is gone": _folder_is_gone,
}


def trouble_of(queue: QueuedGrid, run_id: str) -> str:
    return str(store.get_run(queue.database, run_id).ship_trouble or "")


@pytest.fixture
def local(tmp_path: Path) -> QueuedGrid:
    return open_queue(tmp_path / "home", "", "damaged")


OVER_HTTP = ("journal is no JSON", "result is torn", "folder is gone")
"""Damages for which this is shown with a server too: what is damaged lies on this side of it."""

CASES = [*(("sqlite", what) for what in DAMAGES), *(("server", what) for what in OVER_HTTP)]


@pytest.mark.parametrize(("queue", "what"), CASES, indirect=["queue"])
def test_a_damaged_run_waits_until_it_is_mended(
    queue: QueuedGrid, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "LOOK_EVERY", 0.0)
    grid_id = queue.submit()
    # the two damaged ones are the first of all, and two in a row
    damaged, whole = queue.succeed(2), queue.succeed(2)
    folders = [RunFolder.of_attempt(queue.settings.runs, run_id, 1) for run_id in damaged]
    for folder in folders:
        shutil.copytree(folder.path.parent, queue.settings.home / folder.run_id)
        DAMAGES[what](folder)
    shipping = QueueRounds(queue.settings, queue.database, WORKER)

    troubles = [shipping.go(), shipping.go()]

    assert troubles == ["", ""]
    assert [store.get_run(queue.database, run_id).mlflow for run_id in whole] == ["complete"] * 2
    for run_id in damaged:
        assert store.get_run(queue.database, run_id).mlflow == "pending"
        assert trouble_of(queue, run_id).startswith(f"Run {run_id} cannot be sent to MLflow: ")
    arrears = store.arrears(queue.database)
    assert (arrears.pending, arrears.damaged) == (0, 2)
    assert dict(arrears.such_as) == {run_id: trouble_of(queue, run_id) for run_id in damaged}

    for folder in folders:
        shutil.rmtree(folder.path.parent, ignore_errors=True)
        shutil.copytree(queue.settings.home / folder.run_id, folder.path.parent)
    # a file system tells times in steps of some milliseconds
    time.sleep(0.02)
    assert shipping.go() == ""

    assert [store.get_run(queue.database, run_id).mlflow for run_id in damaged] == ["complete"] * 2
    assert store.arrears(queue.database).damaged == 0
    assert len(queue.in_mlflow(grid_id, "train")) == 4
    assert queue.parent(grid_id).info.status == "FINISHED"


def test_an_unreadable_journal_of_a_run_that_was_sent_keeps_no_grid_from_being_described(
    local: QueuedGrid,
) -> None:
    first = local.submit("cell=gru", name="first")
    (sent, _) = local.succeed(2)
    shipping = QueueRounds(local.settings, local.database, WORKER)
    # before anything is described
    for item in store.unshipped(local.database, limit=9):
        shipping.attempt(item)
    _journal_is_no_json(RunFolder.of_attempt(local.settings.runs, sent, 1))
    second = local.submit(name="second")
    local.succeed(4)

    assert shipping.go() == ""
    again = shipping.go()

    assert again == ""
    assert local.parent(second).info.status == "FINISHED"
    assert "4 succeeded" in local.note(second)
    assert store.arrears(local.database).pending == 0
    described = local.parent(first).info.status == "FINISHED"
    assert described != (first in shipping.grids.undescribed)


def test_a_folder_that_may_not_be_read_is_left_out_too(local: QueuedGrid) -> None:
    local.submit()
    closed, *others = local.succeed(3)
    folder = local.settings.runs / closed
    folder.chmod(0)
    # root opens every door, unless this right is taken away
    less = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    ship = [sys.executable, "-m", "bptt", "ship"]
    own = {name: text for name, text in os.environ.items() if not name.startswith("BPTT_")}

    done = subprocess.run(
        [*(less if os.getuid() == 0 else []), *ship],
        env={**own, "BPTT_HOME": str(local.settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    folder.chmod(0o755)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{closed}  cannot be sent: {folder}" in done.stdout
    assert done.stderr == ""
    assert "Permission denied" in trouble_of(local, closed)
    assert [store.get_run(local.database, r).mlflow for r in others] == ["complete"] * 2


def test_a_flood_of_damaged_runs_is_no_obstacle(
    local: QueuedGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    local.submit()
    damaged, whole = local.succeed(3), local.succeed(1)
    for run_id in damaged:
        _run_is_empty(RunFolder.of_attempt(local.settings.runs, run_id, 1))
    shipping = QueueRounds(local.settings, local.database, WORKER)

    for _ in range(2):
        assert shipping.go() == ""

    assert store.get_run(local.database, whole[0]).mlflow == "complete"
    assert store.arrears(local.database).damaged == 3
