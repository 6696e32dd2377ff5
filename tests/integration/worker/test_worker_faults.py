"""What becomes of runs when their worker is killed, frozen, drained or cut off."""

import os
import signal

from tests.servers import until

PATIENCE = 400.0
LONG = 3_000
ENDLESS = 10_000_000


def test_killed_worker_leaves_no_process_behind(queue, redis, start_worker):
    ids = queue.submit(steps=ENDLESS, seeds=2)
    worker = start_worker()
    for run_id in ids:
        queue.wait_for_checkpoint(run_id)
    children = {queue.child(run_id).pid for run_id in ids}

    started = worker.look()
    worker.kill()

    assert children < started
    assert until(lambda: not worker.survivors(), PATIENCE), worker.survivors()


def test_killed_worker_leaves_no_frozen_process_behind(queue, start_worker):
    (run_id,) = queue.submit(steps=ENDLESS)
    worker = start_worker()
    queue.wait_for_checkpoint(run_id)
    worker.look()

    os.killpg(queue.child(run_id).pid, signal.SIGSTOP)
    worker.kill()

    assert until(lambda: not worker.survivors(), PATIENCE), worker.survivors()


def test_next_worker_takes_over_from_a_killed_one(queue, start_worker, undisturbed):
    (run_id,) = queue.submit(steps=LONG)
    first = start_worker(lease_seconds=3600)
    queue.wait_for_checkpoint(run_id)

    first.kill()
    second = start_worker(lease_seconds=3600)
    queue.wait([run_id])

    assert second.said("was left alone by its worker")
    assert [row.outcome for row in queue.attempts(run_id)] == ["lost", "succeeded"]
    assert len(queue.resumed_at(run_id)) == 1
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_drained_worker_gives_its_runs_back(queue, redis, start_worker, undisturbed):
    ids = queue.submit(steps=LONG, seeds=2)
    worker = start_worker()
    for run_id in ids:
        queue.wait_for_checkpoint(run_id)

    code = worker.drain()

    assert code == 0
    assert queue.statuses(ids) == ["queued", "queued"]
    assert [queue.attempts(run_id)[0].outcome for run_id in ids] == ["drained"] * 2
    assert until(lambda: not worker.survivors(), PATIENCE), worker.survivors()
    start_worker()
    queue.wait(ids)
    for run_id in ids:
        assert len(queue.resumed_at(run_id)) == 1
        assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_idle_worker_ends_at_once_and_is_forgotten(queue, redis, start_worker):
    from bptt.store import live_owners

    worker = start_worker()
    known = live_owners(queue.database)

    code = worker.drain()

    assert code == 0
    assert [one.pid for one in known] == [worker.process.pid]
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


def test_cancelled_run_stops(queue, start_worker):
    (run_id,) = queue.submit(steps=ENDLESS)
    start_worker()
    queue.wait_for_checkpoint(run_id)
    child = queue.child(run_id)

    queue.request(run_id, "cancel")
    queue.wait([run_id], "cancelled")

    assert not child.is_running()
    assert queue.run(run_id).result is None


def test_held_run_stops_and_goes_on_later(queue, start_worker, undisturbed):
    (run_id,) = queue.submit(steps=LONG)
    start_worker()
    queue.wait_for_checkpoint(run_id)

    queue.request(run_id, "hold")
    queue.wait([run_id], "held")
    queue.release(run_id)
    queue.wait([run_id])

    assert [row.outcome for row in queue.attempts(run_id)] == ["held", "succeeded"]
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_run_is_frozen_while_the_database_is_away(queue, start_worker, undisturbed):
    (run_id,) = queue.submit(steps=12_000)
    worker = start_worker(lease_seconds=6)
    queue.wait_for_checkpoint(run_id)
    child = queue.child(run_id)

    with queue.away():
        assert until(lambda: child.status() == "stopped", PATIENCE)
        # beyond the moment at which a process that is not frozen ends by itself
        until(lambda: False, 6)
        assert child.status() == "stopped"
    queue.wait([run_id])

    assert worker.said("thawed")
    assert queue.run(run_id).attempt == 1
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]


def test_process_of_a_frozen_worker_ends_by_itself(queue, start_worker, undisturbed):
    (run_id,) = queue.submit(steps=12_000)
    first = start_worker(lease_seconds=6)
    queue.wait_for_checkpoint(run_id)
    child = queue.child(run_id)

    os.kill(first.process.pid, signal.SIGSTOP)
    assert until(lambda: not child.is_running(), PATIENCE)
    start_worker(lease_seconds=6)
    assert until(lambda: queue.run(run_id).attempt == 2, PATIENCE)
    os.kill(first.process.pid, signal.SIGCONT)
    queue.wait([run_id])

    assert [row.outcome for row in queue.attempts(run_id)] == ["expired", "succeeded"]
    assert queue.run(run_id).result["hash"] == undisturbed(run_id)["hash"]
    assert until(lambda: first.said("was another's already"), PATIENCE)


def test_worker_survives_the_end_of_the_process_its_runs_come_from(queue, start_worker):
    (run_id,) = queue.submit(steps=LONG)
    worker = start_worker()
    queue.wait_for_checkpoint(run_id)
    template = queue.child(run_id).parent()

    template.kill()
    queue.wait([run_id])

    assert worker.process.poll() is None
    assert queue.run(run_id).attempt == 2
