import pytest
from sqlalchemy import update

from bptt import store
from bptt.errors import RunNotFound
from bptt.records.ownership import Beat
from bptt.records.work import Measured
from bptt.store import Database
from bptt.store.tables import configurations, workers
from tests.integration.store.queueing import limit, put_grid, put_worker
from tests.integration.store.submitting import LEASE, WORKER, claim, fail, submit, succeed


def test_the_queue_counts_its_runs_and_those_that_could_begin(database: Database) -> None:
    submit(database)
    succeed(database, 2)
    fail(database)
    claim(database)

    queue = store.queue_status(database)

    assert queue.counts == {"queued": 4, "running": 1, "succeeded": 2, "failed": 1}
    assert queue.claimable == 4
    (worker,) = queue.workers
    assert (worker.worker_id, worker.slots, worker.busy, worker.draining) == (WORKER, 2, 1, False)


def test_a_run_that_was_replaced_is_not_counted(database: Database) -> None:
    grid_id = submit(database).grid_id
    fail(database, 2)

    store.retry(database, user="ada", grid_id=grid_id)

    assert store.queue_status(database).counts == {"queued": 8}


def test_workers_that_left_or_fell_silent_are_not_up(database: Database) -> None:
    for worker_id in ("here", "gone", "silent"):
        put_worker(database, worker_id)

    store.remove_worker(database, "gone")
    with database.write() as connection:
        connection.execute(update(workers).where(workers.c.id == "silent").values(beat_at=1.0))

    assert [worker.worker_id for worker in store.queue_status(database).workers] == ["here"]


def test_a_run_has_a_place_in_the_queue(database: Database) -> None:
    put_worker(database, WORKER)
    put_grid(database, "abcde", size=30)

    assert store.position(database, "abcde-0") == (0, "1st in the queue")
    assert store.position(database, "abcde-11") == (11, "12th in the queue")
    assert store.position(database, "abcde-22") == (22, "23rd in the queue")


def test_own_grids_of_higher_priority_and_older_ones_come_first(database: Database) -> None:
    put_worker(database, WORKER)
    put_grid(database, "older", size=3)
    put_grid(database, "aaaaa", size=2)
    put_grid(database, "newer", size=4)
    put_grid(database, "above", size=5, priority=1)

    assert store.position(database, "aaaaa-1")[0] == 3 + 1 + 5


def test_other_users_take_turns_and_urgent_ones_go_first(database: Database) -> None:
    put_worker(database, WORKER)
    put_grid(database, "aaaaa", size=10)
    put_grid(database, "bbbbb", size=100, user="bob")
    put_grid(database, "ccccc", size=2, user="eve")
    put_grid(database, "ddddd", size=7, user="kim", urgency=2)
    put_grid(database, "eeeee", size=9, user="lou", urgency=0)

    assert store.position(database, "aaaaa-4")[0] == 4 + 4 + 2 + 7


def test_a_held_grid_is_before_nobody(database: Database) -> None:
    put_worker(database, WORKER)
    put_grid(database, "older", size=3, held_reason="held by bob")
    put_grid(database, "aaaaa", size=2)

    assert store.position(database, "aaaaa-0")[0] == 0
    assert store.position(database, "older-0")[1] == "its grid is held: held by bob"


def test_why_a_run_waits_is_told(database: Database) -> None:
    put_grid(database, "aaaaa", size=3, canary=True)

    reasons = [store.position(database, "aaaaa-0")[1], store.position(database, "aaaaa-1")[1]]
    put_worker(database, WORKER)
    first = store.claim(database, worker_id=WORKER, slot=0, lease_seconds=LEASE)
    assert first is not None
    reasons += [store.position(database, "aaaaa-1")[1]]
    store.renew(database, WORKER, [Beat(first.run_id, first.attempt, 1)], LEASE)
    limit(database, "ada", max_running=1)
    reasons += [store.position(database, "aaaaa-1")[1], store.position(database, "aaaaa-0")[1]]
    store.hold_run(database, "aaaaa-2", "bob")
    reasons += [store.position(database, "aaaaa-2")[1]]
    limit(database, "ada", max_running=None)
    store.beat_worker(database, WORKER, draining=True)
    reasons += [store.position(database, "aaaaa-1")[1]]

    assert reasons == [
        "no worker is up",
        "waits for the grid's first run, aaaaa-0",
        "waits for the grid's first run, aaaaa-0",
        "your limit of 1 running runs is reached",
        "it is running",
        "held by bob",
        "every worker is about to stop",
    ]


def test_an_unknown_run_has_no_place(database: Database) -> None:
    with pytest.raises(RunNotFound):
        store.position(database, "abcde-0")


def test_the_work_of_a_grid_is_what_is_done_and_what_is_left(database: Database) -> None:
    grid_id = submit(database).grid_id
    before = store.grid_work(database, grid_id)
    succeed(database, 2)
    fail(database)
    running = claim(database)

    work = store.grid_work(database, grid_id)

    runs = {run.run_id: run for run in store.list_runs(database, grid_id=grid_id)}
    assert (before.done_work, before.running, before.measured) == (0.0, [], Measured())
    assert (before.waiting, work.waiting) == (8, 4)
    assert work.total_work == pytest.approx(sum(run.work for run in runs.values()))
    assert work.done_work == pytest.approx(
        sum(run.work for run in runs.values() if run.status in ("succeeded", "failed"))
    )
    assert work.running == [(runs[running.run_id].work, 1, 10, 0.5)]
    done = [run for run in runs.values() if run.status == "succeeded"]
    assert work.measured.runs == len(done)
    assert work.measured.seconds == pytest.approx(5.0 * len(done))
    assert work.measured.work == pytest.approx(sum(run.work for run in done))


def test_runs_that_train_nothing_say_nothing_about_the_speed_of_updates(
    database: Database,
) -> None:
    grid_id = submit(database).grid_id
    succeed(database, 2)
    claim(database)
    before = store.measured_runs(database, 1, 10)
    with database.write() as connection:
        connection.execute(update(configurations).values(steps=0))

    work = store.grid_work(database, grid_id)

    assert (work.measured.work, work.running[0].steps) == (0.0, 0)
    assert (len(before), store.measured_runs(database, 1, 10)) == (2, [])


def test_reused_points_are_work_that_is_done_but_was_not_measured_here(
    database: Database,
) -> None:
    submit(database)
    succeed(database, 8)
    grid_id = submit(database, user="bob").grid_id

    work = store.grid_work(database, grid_id)

    assert work.done_work == work.total_work > 0
    assert work.measured == Measured()
