"""Runs of the queue reach MLflow by themselves, whatever becomes of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bptt import tracking
from bptt.run_folder import attempts
from bptt.tracking.client import connect
from tests.servers import free_port, until

PATIENCE = 400.0


@pytest.fixture
def stored(queue) -> Callable[[str], Any]:
    """Return a function that gives all that MLflow holds of a run's id."""

    def find(run_id: str) -> list[Any]:
        client = connect(tracking.target_of(queue.settings))
        experiments = [one.experiment_id for one in client.search_experiments()]
        return list(client.search_runs(experiments, f"tags.`bptt.run_id` = '{run_id}'"))

    return find


def shipped(queue, run_id):
    return until(lambda: queue.run(run_id).mlflow == "complete", PATIENCE)


def test_finished_run_is_in_mlflow_once(queue, start_worker, stored):
    (run_id,) = queue.submit()

    start_worker()
    assert shipped(queue, run_id)

    (found,) = stored(run_id)
    assert found.info.status == "FINISHED"
    assert found.info.run_id == queue.run(run_id).mlflow_run_id
    assert found.data.metrics["eval/accuracy"] > 0


def test_failed_run_is_failed_in_mlflow_too(queue, start_worker, stored, faulty):
    (run_id,) = queue.submit(text=faulty("raise"))

    start_worker()
    assert shipped(queue, run_id)

    (found,) = stored(run_id)
    assert found.info.status == "FAILED"
    assert found.data.tags["bptt.failure"] == "RuntimeError: the clipper has had enough."


def test_cancelled_run_is_killed_in_mlflow(queue, start_worker, stored):
    (run_id,) = queue.submit(steps=10_000_000)
    start_worker()
    queue.wait_for_checkpoint(run_id)

    queue.request(run_id, "cancel")
    assert shipped(queue, run_id)

    (found,) = stored(run_id)
    assert found.info.status == "KILLED"


def test_run_of_two_attempts_has_each_point_once(queue, start_worker, stored):
    (run_id,) = queue.submit(steps=6_000)
    start_worker()
    queue.wait_for_checkpoint(run_id)
    # or it might end before MLflow's new database is there
    child = queue.child(run_id)
    child.suspend()
    assert until(lambda: stored(run_id), PATIENCE)

    child.kill()
    assert shipped(queue, run_id)

    (found,) = stored(run_id)
    client = connect(tracking.target_of(queue.settings))
    history = client.get_metric_history(found.info.run_id, "train/loss")
    journal = attempts(queue.settings.runs, run_id)[0].records()
    written = [r["step"] for _, r in journal if "train/loss" in r.get("metrics", {})]
    assert sorted(point.step for point in history) == written
    assert found.info.status == "FINISHED"


def test_training_does_not_wait_for_mlflow(queue, start_worker):
    queue.settings = replace(queue.settings, mlflow_url=f"http://127.0.0.1:{free_port()}")
    ids = queue.submit(seeds=2)

    worker = start_worker()
    queue.wait(ids)

    assert until(lambda: worker.said("not (wholly) in MLflow yet"), PATIENCE)
    assert [queue.run(run_id).mlflow for run_id in ids] == ["pending"] * 2
