"""Runs of the queue reach MLflow by themselves, whatever becomes of them."""

from typing import Any

import pytest

from bptt import store, tracking
from bptt.run_folder import attempts
from bptt.tracking.client import connect
from tests.integration.worker.queue import NOWHERE, PATIENCE, Queue, open_queue, workers_of
from tests.servers import until


@pytest.fixture(scope="module")
def at_work(clippers):
    """A queue with a worker for all tests here; it makes MLflow's database by itself."""
    with open_queue(mlflow_url="") as queue, workers_of(queue) as start:
        start()
        yield queue


def stored(queue: Queue, run_id: str) -> list[Any]:
    """Return all that MLflow holds of a run's id."""
    client = connect(tracking.target_of(queue.settings))
    experiments = [one.experiment_id for one in client.search_experiments()]
    return list(client.search_runs(experiments, f"tags.`bptt.run_id` = '{run_id}'"))


def shipped(queue, run_id):
    return until(lambda: queue.run(run_id).mlflow == "complete", PATIENCE)


def test_finished_run_is_in_mlflow_once(at_work):
    (run_id,) = at_work.submit()

    assert shipped(at_work, run_id)

    (found,) = stored(at_work, run_id)
    assert found.info.status == "FINISHED"
    assert found.info.run_id == at_work.run(run_id).mlflow_run_id
    assert found.data.metrics["eval/accuracy"] > 0


def test_failed_run_is_failed_in_mlflow_too(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers("raise"))

    assert shipped(at_work, run_id)

    (found,) = stored(at_work, run_id)
    assert found.info.status == "FAILED"
    assert found.data.tags["bptt.failure"] == "RuntimeError: the clipper has had enough."


def test_cancelled_run_is_killed_in_mlflow(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers.slow(), steps=10_000_000)
    at_work.wait_for_checkpoint(run_id)

    at_work.request(run_id, "cancel")
    assert shipped(at_work, run_id)

    (found,) = stored(at_work, run_id)
    assert found.info.status == "KILLED"


def test_run_of_two_attempts_has_each_point_once(at_work, clippers):
    (run_id,) = at_work.submit(text=clippers.slow(), steps=1000)
    at_work.wait_for_checkpoint(run_id)
    assert until(lambda: stored(at_work, run_id), PATIENCE)

    at_work.child(run_id).kill()
    clippers.go()
    assert shipped(at_work, run_id)

    (found,) = stored(at_work, run_id)
    client = connect(tracking.target_of(at_work.settings))
    history = client.get_metric_history(found.info.run_id, "train/loss")
    journal = attempts(at_work.settings.runs, run_id)[0].records()
    written = [r["step"] for _, r in journal if "train/loss" in r.get("metrics", {})]
    assert sorted(point.step for point in history) == written
    assert found.info.status == "FINISHED"
    assert at_work.run(run_id).attempt == 2


def test_training_does_not_wait_for_mlflow(queue, start_worker):
    ids = queue.submit(seeds=2)

    worker = start_worker()
    queue.wait(ids)

    told = f"MLflow at {NOWHERE} does not answer"
    assert until(lambda: worker.said(told), PATIENCE)
    assert until(lambda: store.queue_status(queue.database).workers[0].ship_trouble, PATIENCE)
    assert store.queue_status(queue.database).workers[0].ship_trouble == told
    assert [queue.run(run_id).mlflow for run_id in ids] == ["pending"] * 2
