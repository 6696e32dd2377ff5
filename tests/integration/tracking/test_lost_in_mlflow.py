"""MLflow's database or its artifacts go, or come back from a copy: what they lack is sent again."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bptt import store, tracking
from bptt.shipping import queue as shipping_module
from bptt.shipping.queue import QueueRounds
from bptt.tracking.client import connect
from tests.integration.tracking.queued_grid import WORKER, QueuedGrid, open_queue
from tests.servers import put_mlflow_database


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QueuedGrid]:
    monkeypatch.setattr(shipping_module, "LOST_EVERY", 0.0)
    queue = open_queue(tmp_path / "home", "", "lost")
    yield queue
    queue.database.close()


def wholly(queue: QueuedGrid, grid_id: str, underway: str = "") -> dict[str, int]:
    """Return the runs of a grid that MLflow has, all to their end, and how many artifacts of each.

    Args:
        queue: which queue.
        grid_id: of the grid.
        underway: the one run that still trains.
    """
    client = connect(queue.target)
    found = {}
    for run in queue.in_mlflow(grid_id, "train"):
        if run.data.tags["bptt.run_id"] == underway:
            continue
        assert run.data.tags["bptt.sync"] == "complete"
        assert run.data.tags["mlflow.parentRunId"] == queue.parent(grid_id).info.run_id
        assert client.get_metric_history(run.info.run_id, "eval/accuracy")
        run_id = run.data.tags["bptt.run_id"]
        assert store.get_run(queue.database, run_id).mlflow_run_id == run.info.run_id
        found[run_id] = len(client.list_artifacts(run.info.run_id))
    return found


@pytest.mark.parametrize("how", ["removed", "emptied", "replaced by one without tables"])
def test_a_database_that_goes_under_a_living_shipper_is_made_anew_and_gets_everything(
    local: QueuedGrid, how: str
) -> None:
    grid_id = local.submit()
    before = local.succeed(2)
    shipping = QueueRounds(local.settings, local.database, WORKER)
    assert shipping.go() == ""
    run, _ = local.begin()
    assert shipping.go() == ""
    file = local.settings.home / "mlflow.db"
    match how:
        case "removed":
            file.unlink()
        case "emptied":
            file.write_bytes(b"")
        case _:
            file.unlink()
            with closing(sqlite3.connect(file)) as made:
                made.execute("CREATE TABLE t (x)")
                made.execute("DROP TABLE t")
    after = local.succeed(1)

    troubles = [shipping.go() for _ in range(3)]

    assert troubles == [""] * 3
    assert set(wholly(local, grid_id, underway=run.run_id)) == {*before, *after}
    assert {r.data.tags["bptt.run_id"] for r in local.in_mlflow(grid_id, "train")} == {
        *before,
        *after,
        run.run_id,
    }
    assert "3 succeeded" in local.note(grid_id)


def test_a_copy_that_is_put_back_gets_what_it_lacks_and_nothing_twice(local: QueuedGrid) -> None:
    grid_id = local.submit()
    before = local.succeed(1)
    local.ship()
    file, copy = local.settings.home / "mlflow.db", local.settings.home / "copy.db"
    shutil.copyfile(file, copy)
    after = local.succeed(3)
    shipping = QueueRounds(local.settings, local.database, WORKER)
    assert shipping.go() == ""
    # into the same file, as cp does it
    shutil.copyfile(copy, file)

    assert [shipping.go(), shipping.go()] == ["", ""]

    assert sorted(wholly(local, grid_id)) == sorted([*before, *after])
    client = connect(local.target)
    for run in local.in_mlflow(grid_id, "train"):
        assert len(client.get_metric_history(run.info.run_id, "eval/accuracy")) == 1


@pytest.mark.parametrize("left", ["", "another run's"])
def test_a_run_whose_note_of_what_was_sent_is_damaged_is_not_left_out_when_the_database_goes(
    local: QueuedGrid, left: str
) -> None:
    grid_id = local.submit()
    done = local.succeed(3)
    local.ship()
    notes = [local.settings.runs / run_id / "a1" / "shipped.json" for run_id in done]
    notes[0].write_text(left and notes[1].read_text())
    (local.settings.home / "mlflow.db").unlink()
    shipping = QueueRounds(local.settings, local.database, WORKER)

    assert [shipping.go(), shipping.go()] == ["", ""]

    assert sorted(wholly(local, grid_id)) == sorted(done)


def test_runs_that_were_about_to_be_sent_again_when_the_shipper_was_killed_are_sent(
    local: QueuedGrid,
) -> None:
    grid_id = local.submit()
    done = local.succeed(3)
    local.ship()
    (local.settings.home / "mlflow.db").unlink()
    put_mlflow_database(local.settings.home)
    shipping = QueueRounds(local.settings, local.database, WORKER)
    lost = tracking.find_lost(shipping.outbox.sent(), local.target)

    # what comes next is to write down in the queue that they are pending again
    tracking.forget(lost, local.target)
    assert [shipping.go(), shipping.go()] == ["", ""]

    assert len(lost) == 3
    assert sorted(wholly(local, grid_id)) == sorted(done)


def test_artifacts_that_were_removed_are_sent_again(local: QueuedGrid) -> None:
    grid_id = local.submit()
    done = local.succeed(2)
    local.ship()
    before = wholly(local, grid_id)
    shutil.rmtree(local.settings.home / "artifacts")

    local.ship()

    assert wholly(local, grid_id) == before
    assert sorted(before) == sorted(done)
    assert min(before.values()) > 0


def test_what_somebody_deleted_in_mlflow_does_not_come_back(local: QueuedGrid) -> None:
    grid_id = local.submit()
    local.succeed(2)
    local.ship()
    client = connect(local.target)
    for run in local.in_mlflow(grid_id, "train"):
        client.delete_run(run.info.run_id)

    local.ship()

    assert local.in_mlflow(grid_id, "train") == []


def test_runs_that_were_sent_to_another_mlflow_stay_there(
    local: QueuedGrid, tmp_path: Path
) -> None:
    grid_id = local.submit()
    local.succeed(2)
    local.ship()
    elsewhere = tracking.Target(f"sqlite:///{tmp_path / 'other' / 'mlflow.db'}", tmp_path / "other")
    put_mlflow_database(tmp_path / "other")

    lost = tracking.find_lost(
        QueueRounds(local.settings, local.database, "").outbox.sent(), elsewhere
    )

    assert lost == []
    assert len(local.in_mlflow(grid_id, "train")) == 2


def test_runs_outside_the_queue_are_sent_again_too(make_run, tmp_path: Path, stored) -> None:
    home = tmp_path / "home of mlflow"
    put_mlflow_database(home)
    target = tracking.Target(f"sqlite:///{home / 'mlflow.db'}", home)
    runs = [make_run(), make_run()]
    for run in runs:
        run.write_whole()
        tracking.ship(run.folder, target)
    (home / "mlflow.db").unlink()

    lost = tracking.find_lost([run.folder for run in reversed(runs)], target)
    tracking.forget(lost, target)
    for folder in tracking.unshipped(tmp_path / "runs"):
        tracking.ship(folder, target)

    for run in runs:
        assert stored(target, run.folder).points == run.points
        assert "flow/flow.npz" in stored(target, run.folder).artifacts()
        assert stored(target, run.folder).picture()


@pytest.mark.parametrize("left", ["", "{", "[]", '{"target": 1}', '{"complete": "yes"}', "\0" * 40])
def test_a_note_of_what_was_sent_that_is_torn_has_everything_sent_again(
    make_run, tmp_path: Path, target, stored, left: str
) -> None:
    run = make_run()
    run.write_whole()
    tracking.ship(run.folder, target)
    (run.folder.path / "shipped.json").write_text(left)

    assert [f.run_id for f in tracking.unshipped(tmp_path / "runs")] == [run.folder.run_id]
    assert tracking.ship(run.folder, target).complete

    assert stored(target, run.folder).points == run.points
