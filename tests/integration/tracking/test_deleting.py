"""Grids that are deleted while they are sent, and deletions that are killed: nothing is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bptt import deleted_folders as leftovers
from bptt import store
from bptt.deleted_folders import DELETED, delete_folders, find_leftovers, finish_deletions
from bptt.doctor.leftovers import folders, remove_leftovers
from bptt.shipping.queue import QueueRounds
from tests.integration.tracking.queued_grid import WORKER, QueuedGrid, open_queue


@pytest.fixture
def local(tmp_path: Path) -> Iterator[QueuedGrid]:
    queue = open_queue(tmp_path / "home", "", "deleting")
    yield queue
    queue.database.close()


def warnings(queue: QueuedGrid) -> list[str]:
    return [found.told for found in folders(queue.settings) if found.level == "warn"]


def test_a_grid_can_be_deleted_at_any_moment_of_its_being_sent(local: QueuedGrid) -> None:
    grid_id = local.submit()
    local.succeed(4)
    runs = local.settings.runs
    shipping = QueueRounds(local.settings, local.database, WORKER)
    said: list[str] = []
    sender = threading.Thread(target=lambda: said.append(shipping.go()))
    sender.start()
    # in the middle: the first picture is there
    while not list(runs.glob("*/a1/artifacts/*")) and sender.is_alive():
        time.sleep(0.001)

    gone = store.delete_grid(local.database, grid_id, "ada")
    removed = delete_folders(runs, gone)
    sender.join()

    assert removed == 4
    assert said == [""]
    assert list(runs.iterdir()) == []
    assert warnings(local) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from bptt import store
from bptt import deleted_folders
home, grid_id, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
database = store.open_database(home / "bptt.db")
end = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
gone = store.delete_grid(database, grid_id, "ada")
if moment == "after the rows":
    end()
if moment == "in the middle of a folder":
    deleted_folders.shutil.rmtree = lambda path, **k: (next(path.rglob("*.json")).unlink(), end())
count = 0
rename = Path.rename
def some(self, to):
    global count
    count += 1
    if count == 2:
        end()
    return rename(self, to)
if moment == "after one folder":
    Path.rename = some
deleted_folders.delete_folders(home / "runs", gone)
"""


@pytest.mark.parametrize(
    "moment", ["after the rows", "after one folder", "in the middle of a folder"]
)
@pytest.mark.parametrize("finisher", ["doctor", "the next delete", "a worker"])
def test_a_deletion_that_was_killed_is_found_and_finished(
    local: QueuedGrid, moment: str, finisher: str
) -> None:
    kept = local.submit(name="kept")
    grid_id = local.submit("cell=gru", name="gone")
    ours = local.succeed(6)
    other = local.settings.runs / "zzzzz-0"
    other.mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(local.settings.home), grid_id, moment], check=False
    )
    assert killed.returncode == -signal.SIGKILL

    (told, strange) = warnings(local)
    match finisher:
        case "doctor":
            said = remove_leftovers(local.settings)
            assert said.startswith("Removed ")
        case "the next delete":
            delete_folders(local.settings.runs, [])
            finish_deletions(local.settings.runs, local.database)
        case _:
            assert finish_deletions(local.settings.runs, local.database) >= 0

    assert told.endswith("Remove them with: bptt doctor --fix")
    # a folder of another database is told, and never removed
    assert strange.endswith(f"rm -r {other}")
    assert other.is_dir()
    assert warnings(local) == [strange]
    there = {path.name for path in local.settings.runs.iterdir()}
    assert there == {"zzzzz-0", *(r for r in ours if r.startswith(kept))}


def test_the_folder_of_a_run_that_another_grid_took_over_stays(local: QueuedGrid) -> None:
    first = local.submit(name="first")
    done = local.succeed(4)
    local.submit(name="second")
    gone = store.delete_grid(local.database, first, "ada")
    delete_folders(local.settings.runs, gone)

    finish_deletions(local.settings.runs, local.database)

    left = {path.name for path in local.settings.runs.iterdir()}
    assert left == set(done) - set(gone)
    assert find_leftovers(local.settings.runs, local.database).deleted == ()


def test_runs_whose_folder_is_gone_are_told(local: QueuedGrid) -> None:
    grid_id = local.submit()
    (first, *_) = local.succeed(2)
    delete_folders(local.settings.runs, [first])

    (told,) = warnings(local)

    assert told.startswith(f"1 runs have ended and their folders are gone ({first})")
    assert told.endswith(f"bptt delete {grid_id}")


def test_a_link_is_neither_followed_nor_removed(local: QueuedGrid, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    local.settings.runs.mkdir(exist_ok=True)
    os.symlink(tmp_path / "precious", local.settings.runs / "abcde-0")

    assert delete_folders(local.settings.runs, ["abcde-0"]) == 0

    assert (tmp_path / "precious" / "file").read_text() == "x"
    assert not (local.settings.runs / DELETED).exists()
    with pytest.raises(ValueError, match="is not the id of a run"):
        leftovers.folder_of(local.settings.runs, "../abcde-0")
