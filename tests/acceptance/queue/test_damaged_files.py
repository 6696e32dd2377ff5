"""Damaged files of runs, of those too that were sent already: said, with what can be done."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bptt import store
from bptt.doctor import runs as run_checks
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from tests.trained import train_claimed

GRID = """
name: told
task: {name: latch, length: 12}
cell: rnn
model: {hidden_size: 4}
training: {steps: 20, batch_size: 8, evaluate_every: 10, evaluation_size: 16}
statistics: {interval: 10}
seeds: 2
"""


def _holds(name: str, content: bytes) -> Callable[[RunFolder], None]:
    return lambda folder: void((folder.path / name).write_bytes(content))


def void(_: object) -> None:
    return None


def _journal_has_other_lines(folder: RunFolder) -> None:
    with folder.journal.open("ab") as journal:
        journal.write(b'"x"\n17\n[]\n')


def _journal_is_cut(folder: RunFolder) -> None:
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[:1]))


def _journal_is_a_folder(folder: RunFolder) -> None:
    folder.journal.unlink()
    folder.journal.mkdir()


def _probes_are_cut(folder: RunFolder) -> None:
    folder.flow.write_bytes(folder.flow.read_bytes()[:100])


DAMAGES = {
    "journal is empty": ("journal.jsonl", _holds("journal.jsonl", b"")),
    "journal has other lines": ("journal.jsonl", _journal_has_other_lines),
    "journal is cut": ("journal.jsonl", _journal_is_cut),
    "journal is a folder": ("journal.jsonl", _journal_is_a_folder),
    "probes are cut": ("flow.npz", _probes_are_cut),
    "committed is no object": ("committed.json", _holds("committed.json", b"5")),
    "checkpoint is empty": ("checkpoint.pt", _holds("checkpoint.pt", b"")),
    "run is a list": ("run.json", _holds("run.json", b"[]")),
    "run says nothing": ("run.json", _holds("run.json", b"{}")),
    "result is torn": ("result.json", _holds("result.json", b"[1,2")),
    "result says nothing": ("result.json", _holds("result.json", b"{}")),
}


@pytest.fixture
def ended(bptt, machine):
    """Two runs that have ended and count as sent; return their folders."""
    Path("told.yaml").write_text(GRID)
    assert bptt("submit", "told.yaml")[0] == 0
    worker, folders = machine(), []
    for _ in range(2):
        run = worker.begin()
        worker.succeed(run, train_claimed(worker.settings, run))
        store.mark_shipped(worker.database, run.run_id, mlflow_run_id="m", complete=True)
        folders.append(RunFolder.of_attempt(worker.settings.runs, run.run_id, run.attempt))
    return folders


def damaged_lines(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("damaged  ")]


def told_by_doctor(folder: RunFolder) -> list[str]:
    settings = Settings(home=folder.data.parent)
    return [one.told for one in run_checks.runs(settings) if one.level == "warn"]


def test_what_is_damaged_is_said_beside_the_rest(bptt, ended, tmp_path):
    folder, whole = ended
    run_id, grid_id = folder.run_id, folder.run_id.partition("-")[0]
    shutil.copytree(folder.path, tmp_path / "copy")
    code, out, errors = bptt("show", run_id)
    assert (code, damaged_lines(out), errors) == (0, [], [])
    assert told_by_doctor(folder) == []

    for what, (name, damage) in DAMAGES.items():
        damage(folder)

        code, out, errors = bptt("show", run_id)
        both = bptt("show", run_id, whole.run_id)
        content = json.loads(bptt("show", run_id, "--json")[1])[0]["measured"]
        (by_doctor,) = told_by_doctor(folder)

        assert (code, errors) == (0, []), what
        assert out.startswith(f"run        {run_id}"), what
        (line,) = damaged_lines(out)
        assert f"/{name} is damaged: " in line, what
        if name in ("committed.json", "checkpoint.pt"):
            assert "nobody needs this file any more: it may be removed" in line
        else:
            assert line.endswith(f": bptt delete {run_id} --yes, then: bptt fill {grid_id}."), what
        assert "yet" not in out, what
        assert (both[0], damaged_lines(both[1])) == (0, [line]), what
        # the picture of the whole one
        assert "log10" in both[1] or "lag" in both[1], what
        assert f"{folder.path}/" in content["damage"][0], what
        assert by_doctor.startswith(f"Run {run_id}: {folder.path}/"), what

        shutil.rmtree(folder.path)
        shutil.copytree(tmp_path / "copy", folder.path)

    shutil.rmtree(folder.path.parent)
    code, out, _ = bptt("show", run_id)
    (line,) = damaged_lines(out)
    assert code == 0
    assert f"{folder.path.parent} is gone: its results stay" in line
    # what is advised can be done
    assert bptt("delete", run_id, "--yes")[0] == 0
    assert bptt("fill", grid_id)[0] == 0


def test_doctor_says_how_many_runs_it_has_not_read(ended, monkeypatch):
    monkeypatch.setattr(run_checks, "READ_AT_MOST", 0)

    (told,) = run_checks.runs(Settings(home=ended[0].data.parent))

    assert told.told == (
        "The files of 1 runs that have ended are whole; 1 older ones were not read, "
        "there are too many"
    )


def test_a_run_that_cannot_be_sent_is_said_once(bptt, ended, machine):
    folder, _ = ended
    database = machine().database
    store.mark_unshipped(database, [folder.run_id])
    (folder.path / "result.json").write_bytes(b"[1,2")

    code, out, errors = bptt("ship")

    assert (code, errors) == (1, [])
    (line,) = [one for one in out.splitlines() if one.startswith(folder.run_id)]
    assert line.startswith(f"{folder.run_id}  cannot be sent: {folder.path}/result.json is damaged")
    grid_id = folder.run_id.partition("-")[0]
    assert line.endswith(f": bptt delete {folder.run_id} --yes, then: bptt fill {grid_id}.")
