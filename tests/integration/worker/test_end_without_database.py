"""A worker that is told to end while nobody can be told of it: it ends at once, nothing is lost."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.integration.worker.queue import PATIENCE, STEPS, Queue, open_queue
from tests.servers import short_folder, start_postgres, start_redis, until

AT_ONCE = 15.0
"""Seconds; it takes 3 to 5 on a machine that does nothing else. A lease here lasts 60 s."""


@pytest.fixture
def servers():
    with (
        short_folder() as folder,
        start_postgres(folder / "p") as postgres,
        start_redis(folder / "r", tcp=True) as redis,
    ):
        yield postgres, redis


@pytest.fixture
def queue(servers) -> Iterator[Queue]:
    postgres, redis = servers
    given = {"database_url": postgres.new_database(), "redis_url": redis.url}
    with open_queue(**given, slots=2, lease_seconds=60) as queue:
        yield queue


@pytest.mark.parametrize(
    ("how", "also_redis"),
    [
        ("frozen", True),
        # stopped is what it is below too, for a worker whose runs are frozen
        pytest.param("stopped", False, marks=pytest.mark.soak),
        pytest.param("stopped", True, marks=pytest.mark.soak),
        pytest.param("frozen", False, marks=pytest.mark.soak),
    ],
)
def test_worker_that_has_nobody_to_tell_ends_at_once_and_its_runs_go_on_later(
    queue, servers, start_worker, undisturbed, faulty, how, also_redis
):
    postgres, redis = servers
    ids = queue.submit(text=faulty.slow(), steps=STEPS, seeds=2)
    worker = start_worker()
    for run_id in ids:
        queue.wait_for_checkpoint(run_id)

    (postgres.stop if how == "stopped" else postgres.pause)()
    if also_redis:
        redis.stop()
    time.sleep(1.0)
    told = time.monotonic()
    code = worker.drain()
    lasted = time.monotonic() - told
    print(f"ended within {lasted:.1f} s, with {code}")
    assert lasted < AT_ONCE
    assert until(lambda: not worker.survivors(), AT_ONCE)

    redis.keep_up()
    (postgres.start if how == "stopped" else postgres.resume)()
    faulty.go()
    start_worker()
    queue.wait(ids)
    for run_id in ids:
        assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]
        assert [row.outcome for row in queue.attempts(run_id)][-1] == "succeeded"
        assert queue.resumed_at(run_id)[-1] > 0


def test_worker_whose_runs_are_frozen_ends_at_once(
    queue, servers, start_worker, undisturbed, faulty
):
    postgres, _ = servers
    queue.settings = queue.settings.__class__(**{**queue.settings.__dict__, "lease_seconds": 6})
    (run_id,) = queue.submit(text=faulty.slow(), steps=STEPS)
    worker = start_worker()
    queue.wait_for_checkpoint(run_id)
    child = queue.child(run_id)
    postgres.stop()
    assert until(lambda: child.status() == "stopped", PATIENCE)

    told = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(PATIENCE)
    assert time.monotonic() - told < AT_ONCE
    assert until(lambda: not worker.survivors(), AT_ONCE)

    postgres.start()
    faulty.go()
    start_worker()
    queue.wait([run_id])
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_worker_that_still_waits_for_its_database_ends_at_once(queue, servers, start_worker):
    postgres, _ = servers
    postgres.stop()
    worker = start_worker(ready=False)
    assert until(lambda: worker.said("waiting for the database"), PATIENCE)
    told = time.monotonic()
    assert worker.drain() == 0
    assert time.monotonic() - told < AT_ONCE
