"""The same with PostgreSQL, and with Redis over TCP."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.integration.worker.queue import PATIENCE, STEPS, Queue, open_queue
from tests.servers import short_folder, start_postgres, start_redis, until


@pytest.fixture
def postgres():
    with short_folder() as folder, start_postgres(folder) as server:
        yield server


@pytest.fixture
def queue(postgres) -> Iterator[Queue]:
    """An empty queue on a PostgreSQL that may be killed."""
    with short_folder() as folder, start_redis(folder, tcp=True) as redis:
        servers = {"database_url": postgres.new_database(), "redis_url": redis.url}
        with open_queue(**servers, slots=1, lease_seconds=9) as queue:
            yield queue


def test_run_goes_on_where_it_was_when_the_database_was_killed(
    queue, postgres, start_worker, undisturbed, faulty
):
    (run_id,) = queue.submit(text=faulty.slow(), steps=STEPS)
    worker = start_worker()
    queue.wait_for_checkpoint(run_id)
    child = queue.child(run_id)

    postgres.kill()
    assert until(lambda: child.status() == "stopped", PATIENCE)
    postgres.start()
    faulty.go()
    queue.wait([run_id])

    assert worker.said("thawed")
    assert queue.run(run_id).attempt == 1
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


@pytest.mark.soak
def test_workers_share_a_grid_and_one_takes_over_from_the_other_that_is_killed(
    queue, start_worker, undisturbed, faulty
):
    queue.settings = replace(queue.settings, lease_seconds=600)
    ids = queue.submit(text=faulty.slow(), steps=STEPS, seeds=4)
    first, second = start_worker(), start_worker()
    for run_id in ids[:2]:
        queue.wait_for_checkpoint(run_id)
    by = {queue.attempts(run_id)[0].worker: run_id for run_id in ids[:2]}
    lost = next(run_id for worker, run_id in by.items() if worker.endswith(f":{first.process.pid}"))

    first.kill()
    faulty.go()
    queue.wait(ids)

    assert len(by) == 2
    assert second.process.poll() is None
    assert [row.outcome for row in queue.attempts(lost)] == ["lost", "succeeded"]
    assert [queue.run(run_id).attempt for run_id in ids if run_id != lost] == [1] * 3
    assert queue.run(lost).result["hash"] == undisturbed(lost)["hash"]
