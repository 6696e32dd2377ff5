"""Several shippers, lost answers and servers, deletions: one parent per grid, and the right one."""

import pytest

from bptt.errors import TrackingUnavailable
from bptt.shipping.queue import QueueRounds
from bptt.tracking.client import connect
from tests.integration.tracking.queued_grid import SHIP_AT_ONCE, WORKER, open_queue
from tests.servers import with_mlflow


def test_shippers_at_the_same_moment_make_one_parent(queue, tmp_path):
    grids = [queue.submit(), queue.submit("cell=gru", name="second")]
    queue.succeed(6)
    connect(queue.target)
    (gate := tmp_path / "gate").mkdir()
    arguments = (str(queue.settings.home), queue.settings.mlflow_url, str(gate))

    shippers = [with_mlflow(SHIP_AT_ONCE, *arguments) for _ in range(2)]
    codes = [shipper.wait() for shipper in shippers]
    queue.ship()

    assert codes == [0] * 2
    for grid_id, runs in zip(grids, (4, 2), strict=True):
        parent = queue.parent(grid_id)
        children = queue.in_mlflow(grid_id, "train")
        assert parent.info.status == "FINISHED"
        assert len(children) == runs
        assert {c.data.tags["mlflow.parentRunId"] for c in children} == {parent.info.run_id}


def test_second_parent_whose_making_was_never_answered_goes_and_its_children_move(queue):
    grid_id = queue.submit()
    queue.succeed(2)
    queue.ship()
    client, first = connect(queue.target), queue.parent(grid_id)
    tags = {"bptt.kind": "grid", "bptt.grid_id": grid_id}
    made = client.create_run(first.info.experiment_id, tags=tags, run_name="gates")
    queue.succeed(2)

    queue.ship()

    parent = queue.parent(grid_id)
    assert parent.info.run_id == min(first.info.run_id, made.info.run_id)
    children = queue.in_mlflow(grid_id, "train")
    assert [c.data.tags["mlflow.parentRunId"] for c in children] == [parent.info.run_id] * 4
    assert "4 succeeded" in queue.note(grid_id)


def test_parent_deleted_in_mlflow_is_let_go(queue):
    grid_id = queue.submit()
    queue.succeed(2)
    queue.ship()
    connect(queue.target).delete_run(queue.parent(grid_id).info.run_id)
    queue.succeed(2)

    queue.ship()

    assert queue.in_mlflow(grid_id, "grid") == []
    assert len(queue.in_mlflow(grid_id, "train")) == 4


def test_mlflow_made_anew_gets_a_grid_again_with_what_had_ended_and_what_trains(
    second_server, tmp_path
):
    second_server.keep_up()
    queue = open_queue(tmp_path / "home", second_server.url, "anew")
    grid_id = queue.submit()
    ended = queue.succeed(1)
    run, folder = queue.begin()
    shipping = QueueRounds(queue.settings, queue.database, WORKER)
    assert shipping.go() == ""
    second_server.kill()
    for file in second_server.folder.glob("mlflow.db*"):
        file.unlink()
    second_server.start()
    journal = folder.open_journal()
    journal.append({"step": 1, "time": 1_763_884_800_000, "metrics": {"train/loss": 1.0}})
    folder.write("committed", {"journal": journal.sync()})
    journal.close()

    shipping.go()
    queue.ship()
    queue.database.close()

    parent = queue.parent(grid_id)
    children = queue.in_mlflow(grid_id, "train")
    assert {child.data.tags["bptt.run_id"] for child in children} == {*ended, run.run_id}
    assert {c.data.tags["mlflow.parentRunId"] for c in children} == {parent.info.run_id}
    assert "1 succeeded" in queue.note(grid_id)


def test_server_killed_in_between_delays_the_grid_and_nothing_else(second_server, tmp_path):
    second_server.keep_up()
    queue = open_queue(tmp_path / "home", second_server.url, "killed")
    grid_id = queue.submit()
    queue.succeed(1)
    queue.ship()
    first = queue.parent(grid_id)
    shipping = QueueRounds(queue.settings, queue.database, WORKER)
    second_server.kill()
    queue.succeed(3)

    trouble = shipping.go()
    with pytest.raises(TrackingUnavailable, match=grid_id):
        shipping.grids.show(grid_id)
    second_server.start()
    queue.ship()
    queue.database.close()

    assert trouble
    assert queue.parent(grid_id).info.run_id == first.info.run_id
    assert queue.parent(grid_id).info.status == "FINISHED"
    assert "4 succeeded" in queue.note(grid_id)
