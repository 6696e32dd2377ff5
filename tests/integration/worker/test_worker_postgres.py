"""The same with PostgreSQL, and with Redis over TCP."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bptt import store
from bptt.settings import Settings
from tests.integration.worker.conftest import Queue
from tests.servers import short_folder, start_postgres, start_redis, until

PATIENCE = 400.0


@pytest.fixture
def postgres():
    with short_folder() as folder, start_postgres(folder) as server:
        yield server


@pytest.fixture
def queue(postgres) -> Iterator[Queue]:
    """An empty queue on a PostgreSQL that may be killed."""
    with short_folder() as home, start_redis(home / "redis", tcp=True) as redis:
        settings = Settings(
            home=home,
            database_url=postgres.new_database(),
            redis_url=redis.url,
            slots=1,
            lease_seconds=9,
            checkpoint_seconds=0.2,
        )
        database = store.open_database(settings.database)
        store.upgrade(database)
        yield Queue(settings, database)
        database.close()


def test_workers_share_a_grid(queue, start_worker, undisturbed):
    ids = queue.submit(steps=600, seeds=8)

    start_worker()
    start_worker()
    queue.wait(ids)

    assert [queue.run(run_id).attempt for run_id in ids] == [1] * 8
    assert len({queue.attempts(run_id)[0].worker for run_id in ids}) == 2
    assert queue.run(ids[5]).result["hash"] == undisturbed(ids[5])["hash"]


def test_run_goes_on_where_it_was_when_the_database_was_killed(
    queue, postgres, start_worker, undisturbed
):
    (run_id,) = queue.submit(steps=12_000)
    worker = start_worker()
    queue.wait_for_checkpoint(run_id)
    child = queue.child(run_id)

    postgres.kill()
    assert until(lambda: child.status() == "stopped", PATIENCE)
    postgres.start()
    queue.wait([run_id])

    assert worker.said("thawed")
    assert queue.run(run_id).attempt == 1
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_killed_worker_is_replaced(queue, start_worker, undisturbed):
    queue.settings = replace(queue.settings, lease_seconds=600)
    (run_id,) = queue.submit(steps=6_000)
    first = start_worker()
    queue.wait_for_checkpoint(run_id)

    first.kill()
    start_worker()
    queue.wait([run_id])

    assert [row.outcome for row in queue.attempts(run_id)] == ["lost", "succeeded"]
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]
