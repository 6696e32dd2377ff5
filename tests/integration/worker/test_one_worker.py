"""All that one worker does with its runs, and with what happens to them: it goes on and on."""

import pytest

from bptt import job_queue, store
from bptt.run_folder import attempts
from tests.integration.worker.queue import PATIENCE, STEPS, open_queue, workers_of
from tests.servers import short_folder, start_redis, until

ENDLESS = 10_000_000


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with short_folder() as folder, start_redis(folder) as server:
        yield server


@pytest.fixture(scope="module")
def queue(clippers, redis):
    with open_queue(redis_url=redis.url) as queue:
        yield queue


@pytest.fixture(scope="module")
def worker(queue):
    """The worker that all tests here give runs to."""
    with workers_of(queue) as start:
        yield start()


def test_every_point_of_a_grid_is_trained_once(queue, worker, undisturbed):
    ids = queue.submit(seeds=6)

    job_queue.send_tokens(queue.settings, 2)
    queue.wait(ids)

    assert [queue.run(run_id).attempt for run_id in ids] == [1] * 6
    assert [queue.run(run_id).step for run_id in ids] == [40] * 6
    assert queue.run(ids[3]).result["hash"] == undisturbed(ids[3])["hash"]
    assert len({queue.run(run_id).result["hash"] for run_id in ids}) == 6
    assert not worker.said("look by themselves")


def test_folder_of_an_attempt_says_whose_it_is(queue, worker):
    (run_id,) = queue.submit()

    queue.wait([run_id])

    (folder,) = attempts(queue.settings.runs, run_id)
    run = folder.read("run")
    assert (run["run_id"], run["attempt"], run["user"]) == (run_id, 1, "ada")
    assert run["identity"] == queue.run(run_id).identity
    assert run["grid_id"] == queue.run(run_id).grid_id


def test_a_lost_token_is_made_up_for(queue, worker, redis):
    ids = queue.submit(seeds=2)
    with redis.client() as client:
        client.flushall()
    queue.wait(ids)

    assert [queue.run(run_id).attempt for run_id in ids] == [1, 1]


def test_tokens_too_many_start_nothing_twice(queue, worker):
    ids = queue.submit(seeds=4)
    assert job_queue.send_tokens(queue.settings, 50) == 50
    queue.wait(ids)

    assert until(lambda: job_queue.waiting_tokens(queue.settings) == 0, PATIENCE)
    assert [queue.run(run_id).attempt for run_id in ids] == [1] * 4


def test_held_run_stops_and_goes_on_later(queue, worker, clippers, undisturbed):
    (run_id,) = queue.submit(text=clippers.slow(), steps=STEPS)
    queue.wait_for_checkpoint(run_id)

    queue.request(run_id, "hold")
    queue.wait([run_id], "held")
    queue.release(run_id)
    clippers.go()
    queue.wait([run_id])

    assert [row.outcome for row in queue.attempts(run_id)] == ["held", "succeeded"]
    assert len(queue.resumed_at(run_id)) == 1
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_killed_process_goes_on_from_its_checkpoint(queue, worker, clippers, undisturbed):
    (run_id,) = queue.submit(text=clippers.slow(), steps=STEPS)
    queue.wait_for_checkpoint(run_id)

    queue.child(run_id).kill()
    clippers.go()
    queue.wait([run_id])

    first, second = queue.attempts(run_id)
    assert (first.outcome, first.signal, second.outcome) == ("lost", 9, "succeeded")
    assert len(queue.resumed_at(run_id)) == 1
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_worker_survives_the_end_of_the_process_its_runs_come_from(queue, worker, clippers):
    (run_id,) = queue.submit(text=clippers.slow(), steps=STEPS)
    queue.wait_for_checkpoint(run_id)
    # the run is not to blame for it
    queue.blame(run_id)
    template = queue.child(run_id).parent()

    template.kill()
    clippers.go()
    queue.wait([run_id])

    assert worker.process.poll() is None
    assert [row.outcome for row in queue.attempts(run_id)] == ["lost", "succeeded"]
    assert queue.run(run_id).losses == 7


def test_both_slots_train_at_once_and_cancelled_runs_stop(queue, worker, clippers):
    ids = queue.submit(text=clippers.slow(), steps=ENDLESS, seeds=4)
    busy = until(lambda: queue.statuses(ids).count("running") == 2, PATIENCE)
    assert busy, queue.statuses(ids)
    slots = {run_id: queue.run(run_id).slot for run_id in ids}
    running = [run_id for run_id in ids if slots[run_id] is not None]
    for run_id in running:
        queue.wait_for_checkpoint(run_id)
    children = [queue.child(run_id) for run_id in running]

    # those that wait come first, or they would begin
    for run_id in sorted(ids, key=running.__contains__):
        store.cancel_run(queue.database, run_id, "ada")
    queue.wait(ids, "cancelled")

    assert {*slots.values()} == {0, 1, None}
    assert not any(child.is_running() for child in children)
    assert [queue.run(run_id).result for run_id in ids] == [None] * 4
