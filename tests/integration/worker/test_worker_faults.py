"""What becomes of runs when their worker is killed, frozen, drained or cut off."""

import os
import signal

from bptt.store import live_owners
from tests.integration.worker.queue import PATIENCE, STEPS
from tests.servers import until

ENDLESS = 10_000_000


def test_killed_worker_leaves_no_process_behind_not_even_a_frozen_one(
    queue, redis, start_worker, faulty
):
    ids = queue.submit(text=faulty.slow(), steps=ENDLESS, seeds=2)
    worker = start_worker()
    for run_id in ids:
        queue.wait_for_checkpoint(run_id)
    children = {queue.child(run_id).pid for run_id in ids}

    started = worker.look()
    os.killpg(queue.child(ids[0]).pid, signal.SIGSTOP)
    worker.kill()

    assert children < started
    assert until(lambda: not worker.survivors(), PATIENCE), worker.survivors()


def test_workers_share_a_grid_and_one_takes_over_from_the_other_that_is_killed(
    queue, redis, start_worker, undisturbed, faulty
):
    ids = queue.submit(text=faulty.slow(), steps=STEPS, seeds=4)
    first, second = (start_worker(lease_seconds=3600, slots=1) for _ in range(2))
    for run_id in ids[:2]:
        queue.wait_for_checkpoint(run_id)
    by = {queue.attempts(run_id)[0].worker: run_id for run_id in ids[:2]}
    lost = next(run_id for worker, run_id in by.items() if worker.endswith(f":{first.process.pid}"))

    first.kill()
    faulty.go()
    queue.wait(ids)

    assert len(by) == 2
    assert second.said("was left alone by its worker")
    assert [row.outcome for row in queue.attempts(lost)] == ["lost", "succeeded"]
    assert len(queue.resumed_at(lost)) == 1
    assert [queue.run(run_id).attempt for run_id in ids if run_id != lost] == [1] * 3
    for run_id in (lost, ids[3]):
        assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_drained_worker_gives_its_runs_back_and_an_idle_one_ends_at_once(
    queue, redis, start_worker, undisturbed, faulty
):
    ids = queue.submit(text=faulty.slow(), steps=STEPS, seeds=2)
    worker = start_worker()
    for run_id in ids:
        queue.wait_for_checkpoint(run_id)

    code = worker.drain()

    assert code == 0
    assert queue.statuses(ids) == ["queued", "queued"]
    assert [queue.attempts(run_id)[0].outcome for run_id in ids] == ["drained"] * 2
    assert until(lambda: not worker.survivors(), PATIENCE), worker.survivors()
    assert live_owners(queue.database) == []
    next_one = start_worker()
    faulty.go()
    queue.wait(ids)
    for run_id in ids:
        assert len(queue.resumed_at(run_id)) == 1
        assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]
    assert [one.pid for one in live_owners(queue.database)] == [next_one.process.pid]
    assert next_one.drain() == 0
    assert live_owners(queue.database) == []


def test_second_signal_does_not_wait_for_a_slow_step(queue, start_worker, faulty):
    (run_id,) = queue.submit(text=faulty("sleep", at=3))
    worker = start_worker()
    queue.child(run_id)
    assert until(lambda: queue.run(run_id).step > 0, PATIENCE)

    worker.process.send_signal(signal.SIGTERM)
    assert until(lambda: worker.said("draining"), PATIENCE)
    code = worker.drain()

    assert code == 0
    assert queue.run(run_id).status == "queued"
    assert "had to end" in queue.run(run_id).reason


def test_run_is_frozen_while_the_database_is_away(queue, start_worker, undisturbed, faulty):
    (run_id,) = queue.submit(text=faulty.slow(), steps=STEPS)
    worker = start_worker(lease_seconds=6)
    queue.wait_for_checkpoint(run_id)
    child = queue.child(run_id)

    with queue.away():
        assert until(lambda: child.status() == "stopped", PATIENCE)
        # beyond the moment at which a process that is not frozen ends by itself
        until(lambda: False, 6)
        assert child.status() == "stopped"
    faulty.go()
    queue.wait([run_id])

    assert worker.said("thawed")
    assert queue.run(run_id).attempt == 1
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_process_of_a_frozen_worker_ends_by_itself(queue, start_worker, undisturbed, faulty):
    (run_id,) = queue.submit(text=faulty.slow(), steps=STEPS)
    first = start_worker(lease_seconds=6)
    queue.wait_for_checkpoint(run_id)
    child = queue.child(run_id)

    os.kill(first.process.pid, signal.SIGSTOP)
    assert until(lambda: not child.is_running(), PATIENCE)
    start_worker(lease_seconds=6)
    assert until(lambda: queue.run(run_id).attempt == 2, PATIENCE)
    os.kill(first.process.pid, signal.SIGCONT)
    faulty.go()
    queue.wait([run_id])

    assert [row.outcome for row in queue.attempts(run_id)] == ["expired", "succeeded"]
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]
    assert until(lambda: first.said("was another's already"), PATIENCE)
