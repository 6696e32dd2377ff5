"""Runs of a queue find their workers, whatever of Redis and the database is there."""

from tests.integration.worker.queue import PATIENCE
from tests.servers import until


def test_slots_find_work_after_redis_was_killed(queue, redis, start_worker):
    first = queue.submit()
    worker = start_worker()
    queue.wait(first)

    redis.kill()
    while_away = queue.submit()
    queue.wait(while_away)
    redis.start()
    again = queue.submit(seeds=2)
    queue.wait(again)

    assert worker.process.poll() is None
    assert worker.drain() == 0


def test_worker_waits_for_a_database_that_is_not_there_yet_and_needs_no_redis(queue, start_worker):
    file = queue.database.file
    ids = queue.submit(seeds=3)
    queue.database.close()
    lock = queue.settings.home / "away.db"
    file.rename(lock)
    file.mkdir()

    worker = start_worker(ready=False)
    assert until(lambda: worker.said("waiting for the database"), PATIENCE)
    file.rmdir()
    lock.rename(file)
    queue.wait(ids)

    assert worker.said("Redis is away")
    assert worker.drain() == 0
