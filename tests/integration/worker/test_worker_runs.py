"""Runs of a queue, trained by a real worker with and without Redis."""

from bptt import job_queue
from bptt.run_folder import attempts
from tests.servers import until

PATIENCE = 400.0


def test_every_point_of_a_grid_is_trained_once(queue, redis, start_worker, undisturbed):
    ids = queue.submit(seeds=6)

    worker = start_worker()
    job_queue.send_tokens(queue.settings, 2)
    queue.wait(ids)

    assert [queue.run(run_id).attempt for run_id in ids] == [1] * 6
    assert [queue.run(run_id).step for run_id in ids] == [40] * 6
    assert queue.run(ids[3]).result["hash"] == undisturbed(ids[3])["hash"]
    assert len({queue.run(run_id).result["hash"] for run_id in ids}) == 6
    assert not worker.said("look by themselves")
    assert worker.drain() == 0


def test_folder_of_an_attempt_says_whose_it_is(queue, start_worker):
    (run_id,) = queue.submit()

    start_worker()
    queue.wait([run_id])

    (folder,) = attempts(queue.settings.runs, run_id)
    run = folder.read("run")
    assert (run["run_id"], run["attempt"], run["user"]) == (run_id, 1, "ada")
    assert run["identity"] == queue.run(run_id).identity
    assert run["grid_id"] == queue.run(run_id).grid_id


def test_both_slots_train_at_once(queue, redis, start_worker):
    ids = queue.submit(steps=20_000, seeds=4)

    start_worker()
    busy = until(lambda: queue.statuses(ids).count("running") == 2, PATIENCE)

    assert busy, queue.statuses(ids)
    assert {queue.run(run_id).slot for run_id in ids} == {0, 1, None}


def test_slots_find_work_while_redis_is_away(queue, start_worker):
    ids = queue.submit(seeds=3)

    worker = start_worker()
    queue.wait(ids)

    assert worker.said("Redis is away")
    assert worker.drain() == 0


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

    assert until(lambda: worker.process.poll() is None)
    assert worker.drain() == 0


def test_a_lost_token_is_made_up_for(queue, redis, start_worker):
    start_worker()

    ids = queue.submit(seeds=2)
    with redis.client() as client:
        client.flushall()
    queue.wait(ids)

    assert [queue.run(run_id).attempt for run_id in ids] == [1, 1]


def test_tokens_too_many_start_nothing_twice(queue, redis, start_worker):
    start_worker()

    ids = queue.submit(seeds=4)
    assert job_queue.send_tokens(queue.settings, 50) == 50
    queue.wait(ids)

    assert until(lambda: job_queue.waiting_tokens(queue.settings) == 0, PATIENCE)
    assert [queue.run(run_id).attempt for run_id in ids] == [1] * 4


def test_two_workers_share_a_grid(queue, redis, start_worker):
    start_worker(slots=1)
    start_worker(slots=1)

    ids = queue.submit(steps=600, seeds=8)
    queue.wait(ids)

    assert [queue.run(run_id).attempt for run_id in ids] == [1] * 8
    assert len({queue.attempts(run_id)[0].worker for run_id in ids}) == 2


def test_worker_waits_for_a_database_that_is_not_there_yet(queue, start_worker):
    file = queue.database.file
    ids = queue.submit()
    queue.database.close()
    lock = queue.settings.home / "away.db"
    file.rename(lock)
    file.mkdir()

    worker = start_worker(ready=False)
    assert until(lambda: worker.said("waiting for the database"), PATIENCE)
    file.rmdir()
    lock.rename(file)

    queue.wait(ids)
