"""Crashes, torn files, refusals and deletions: nothing is lost and nothing comes twice."""

import fcntl
import json
import math

import pytest

from bptt.errors import TrackingUnavailable
from bptt.tracking import Target, ship, unshipped
from bptt.tracking.client import connect
from bptt.tracking.run.context import RunContext
from tests.servers import with_mlflow
from tests.servers.mlflow_server import MAKE_DATABASE

SHIP = """
import sys
from pathlib import Path
from bptt.run_folder import RunFolder
from bptt.tracking import Target, ship
home = Path(sys.argv[1])
ship(RunFolder(Path(sys.argv[2])), Target(f"sqlite:///{home / 'mlflow.db'}", home))
"""


def test_resumed_run_rewrites_what_was_not_committed_without_doubles(make_run, target, stored):
    run = make_run()
    run.metrics(0, train_loss=1.0)
    run.commit()
    kept = run.points.copy()
    run.metrics(1, train_loss=0.5)
    ship(run.folder, target)

    run.crash_and_resume(run.folder.read("committed")["journal"])
    run.points = kept
    run.tags(0, resumed_at=0)
    run.metrics(1, train_loss=0.5)
    run.finish()
    ship(run.folder, target)

    found = stored(target, run.folder)
    assert found.points == run.points
    assert found.run.data.tags["bptt.resumed_at"] == "0"


@pytest.mark.parametrize("forgets", [False, True])
def test_run_that_began_again_keeps_the_points_it_had(make_run, target, stored, forgets):
    run = make_run()
    for step in range(3):
        run.metrics(step, train_loss=1.0 - step / 10)
    run.commit()
    ship(run.folder, target)
    sent = run.points.copy()

    run.crash_and_resume(0)
    run.commit()
    if forgets:
        # the same power cut that took the checkpoint
        (run.folder.path / "shipped.json").write_bytes(b"")
    ship(run.folder, target)
    run.points.clear()
    for step in range(5):
        run.metrics(step, train_loss=1.0 - step / 10)
    run.finish()
    ship(run.folder, target)

    later = {point: n for point, n in run.points.items() if point[1] > 2}
    assert stored(target, run.folder).points == sent + type(sent)(later)


def test_what_is_written_of_another_run_is_not_believed(make_run, target, stored):
    one, other = make_run(), make_run()
    for run in (one, other):
        run.write_whole()
    ship(one.folder, target)
    content = (one.folder.path / "shipped.json").read_bytes()
    (other.folder.path / "shipped.json").write_bytes(content)

    assert ship(other.folder, target).complete

    for run in (one, other):
        assert stored(target, run.folder).points == run.points


def test_torn_last_line_waits_until_it_is_whole(make_run, target, stored):
    run = make_run()
    run.metrics(0, train_loss=1.0)
    run.finish()
    whole = run.points.copy()
    (run.folder.path / "result.json").rename(run.folder.path / "later.json")
    with run.folder.journal.open("ab") as journal:
        journal.write(b'{"step": 1, "time": 17638848')
    run.commit()

    ship(run.folder, target)

    assert stored(target, run.folder).points == whole


def test_refused_key_costs_no_other_point(make_run, target, stored):
    run = make_run()
    for step in range(20):
        run.metrics(step, train_loss=float(step))
    kept = run.points.copy()
    run.metrics(20, **{"train_a[b]": 1.0})
    run.finish()

    state = ship(run.folder, target)

    (line,) = (run.folder.path / "rejected.jsonl").read_text().splitlines()
    assert state.complete
    assert stored(target, run.folder).points == kept
    assert "train/a[b]" in json.loads(line)["refused"]


def test_run_deleted_in_mlflow_is_let_go(make_run, target, stored):
    run = make_run()
    run.metrics(0, train_loss=1.0)
    run.commit()
    ship(run.folder, target)
    found = stored(target, run.folder)
    connect(target).delete_run(found.run_id)
    run.metrics(1, train_loss=1.0)
    run.finish()

    state = ship(run.folder, target)

    assert state.complete
    assert connect(target).get_run(found.run_id).info.lifecycle_stage == "deleted"
    assert not (run.folder.path / "rejected.jsonl").exists()


def test_stopped_run_deleted_in_mlflow_may_go_on_without_it(make_run, target, stored):
    run = make_run()
    run.metrics(0, train_loss=1.0)
    run.commit()
    ship(run.folder, target, RunContext("stopped"))
    connect(target).delete_run(stored(target, run.folder).run_id)

    state = ship(run.folder, target, RunContext("training"))

    assert state.complete


def test_run_unknown_to_a_new_database_is_sent_again(make_run, target, stored):
    run = make_run()
    run.metrics(0, train_loss=1.0)
    run.commit()
    ship(run.folder, target)
    first = stored(target, run.folder).run_id
    run.folder.write("shipped", run.folder.read("shipped") | {"mlflow_run_id": "0" * 32})
    connect(target).delete_run(first)
    run.metrics(1, train_loss=0.5)
    run.finish()

    ship(run.folder, target)

    found = stored(target, run.folder)
    assert found.run_id != first
    assert found.points == run.points


def test_missing_statistics_file_does_not_hold_up_the_rest(make_run, target, stored):
    run = make_run()
    run.write_whole()
    (run.folder.probes / "00000000.npz").unlink()
    (run.folder.probes / "00000050.npz").write_bytes(b"PK\x03\x04 torn")

    state = ship(run.folder, target)

    assert state.complete
    # h and c have the same norm in this history, and together the root of 2 times that
    together = -2 + math.log10(2) / 2
    assert stored(target, run.folder).curve("flow_lag/final")[0] == pytest.approx(
        together, abs=1e-5
    )


def test_deleted_experiment_comes_back_with_the_next_run(make_run, target, stored):
    first, second = make_run(), make_run()
    first.finish()
    second.finish()
    ship(first.folder, target)
    connect(target).delete_experiment(stored(target, first.folder).run.info.experiment_id)

    ship(second.folder, target)

    assert stored(target, second.folder).number == 1


def test_folder_shipped_by_another_process_is_left_alone(make_run, target):
    run = make_run()
    run.finish()
    with (run.folder.path / "shipped.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)

        state = ship(run.folder, target)

    assert not state.complete
    assert run.folder.read("shipped") is None


def test_unreachable_mlflow_is_reported_and_left_for_later(make_run, tmp_path):
    run = make_run()
    run.finish()

    with pytest.raises(TrackingUnavailable, match=run.folder.run_id):
        ship(run.folder, Target("http://127.0.0.1:9"))

    assert [f.run_id for f in unshipped(tmp_path / "runs")] == [run.folder.run_id]


def test_two_processes_make_one_new_database(make_run, tmp_path, stored):
    target = Target(f"sqlite:///{tmp_path / 'new home' / 'mlflow.db'}", tmp_path / "new home")
    runs = [make_run(), make_run()]
    for run in runs:
        run.metrics(0, train_loss=1.0)
        run.finish()
    home = str(tmp_path / "new home")

    children = [with_mlflow(SHIP, home, str(run.folder.path)) for run in runs]

    assert [child.wait() for child in children] == [0, 0]
    assert [stored(target, run.folder).points for run in runs] == [run.points for run in runs]


def test_process_killed_while_it_makes_the_database_leaves_none_behind(
    make_run, tmp_path, stored, wait_until
):
    home = tmp_path / "new home"
    target = Target(f"sqlite:///{home / 'mlflow.db'}", home)
    run = make_run()
    run.metrics(0, train_loss=1.0)
    run.finish()
    child = with_mlflow(MAKE_DATABASE, str(home))
    # in the middle: tables are there, and columns are still to come
    wait_until(lambda: size_of(home / "mlflow.new" / "made.db") > 50_000)
    child.kill()
    child.wait()
    was_there = (home / "mlflow.db").exists()

    ship(run.folder, target)

    assert not was_there
    assert stored(target, run.folder).points == run.points
    assert not (home / "mlflow.new").exists()


def size_of(path):
    return path.stat().st_size if path.exists() else 0
