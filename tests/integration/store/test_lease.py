"""A lease from claim to end: what is written down, who learns what, and what each end leaves."""

from typing import Any

import pytest

from bptt import store
from bptt.errors import NotPossible
from bptt.lifecycle import HINTS
from bptt.records.ownership import Beat, Ended, Failure, OwnedRun
from bptt.records.workers import WorkerProcess
from bptt.store import Database
from bptt.store.tables import attempts, events, grids, runs
from tests.integration.store.queueing import expire, put_grid, put_worker, row_of, rows_of
from tests.integration.store.scenarios import LEASE, begin, take


def last_event(database: Database) -> Any:
    """Return the newest event of a run."""
    return [row for row in rows_of(database, events, events.c.id) if row.run_id][-1]


def test_a_renewal_moves_the_lease_and_says_where_the_run_stands(database: Database) -> None:
    begin(database)
    take(database)
    before = row_of(database, runs, id="g-0")

    owned = store.renew(database, "w1", [Beat("g-0", 1, 70, 50, 0.01)], 2 * LEASE)

    run = row_of(database, runs, id="g-0")
    assert owned == {"g-0": "none"}
    assert (run.step, run.checkpoint_step, run.step_seconds) == (70, 50, 0.01)
    assert run.lease_expires_at >= before.lease_expires_at + LEASE - 1


@pytest.mark.parametrize("preparing", [{}, {"preparation_seconds": 3.0}])
def test_a_run_that_is_trained_to_its_end_tells_the_mean_of_all_its_updates(
    database: Database, preparing: dict[str, float]
) -> None:
    begin(database)
    take(database)
    # the first update alone, which is slow
    store.renew(database, "w1", [Beat("g-0", 1, 1, 0, 0.5)], LEASE)

    # a result of an earlier version does not say how long it prepared
    seconds = 2.0 + sum(preparing.values())
    store.finish(database, "g-0", 1, {"outcome": "finished", "seconds": seconds, **preparing}, 100)

    assert row_of(database, runs, id="g-0").step_seconds == pytest.approx(0.02)


def test_a_renewal_never_takes_a_checkpoint_back(database: Database) -> None:
    begin(database)
    take(database)
    store.renew(database, "w1", [Beat("g-0", 1, 70, 50, 0.01)], LEASE)

    store.renew(database, "w1", [Beat("g-0", 1, 3)], LEASE)

    run = row_of(database, runs, id="g-0")
    assert (run.step, run.checkpoint_step, run.step_seconds) == (3, 50, 0.01)


def test_one_renewal_serves_all_runs_of_a_worker_and_names_those_it_lost(
    database: Database,
) -> None:
    begin(database, size=3)
    for _ in range(3):
        take(database)
    store.cancel_run(database, "g-1", "ada")
    store.give_back(database, "g-2", 1, why="drain")

    owned = store.renew(database, "w1", [Beat(f"g-{n}", 1) for n in (2, 1, 0)], LEASE)

    assert owned == {"g-0": "none", "g-1": "cancel"}
    assert store.renew(database, "w1", [], LEASE) == {}


def test_a_lease_that_ran_out_can_be_renewed_until_somebody_takes_the_run(
    database: Database,
) -> None:
    begin(database)
    take(database)
    expire(database, "g-0")

    assert store.renew(database, "w1", [Beat("g-0", 1)], LEASE) == {"g-0": "none"}
    assert store.reap(database, lease_seconds=0.0) == []


def test_stop_requests_are_those_of_one_worker(database: Database) -> None:
    begin(database, size=3)
    take(database)
    take(database)
    take(database, "w2")
    store.hold_run(database, "g-1", "ada")

    assert store.stop_requests(database, "w1") == [
        OwnedRun("g-0", 1, "none", "w1"),
        OwnedRun("g-1", 1, "hold", "w1"),
    ]


def test_a_finished_run_keeps_its_result_and_closes_its_attempt(database: Database) -> None:
    begin(database)
    take(database)

    ended = store.finish(database, "g-0", 1, {"outcome": "diverged", "step": 7}, 7)

    run, attempt = row_of(database, runs, id="g-0"), row_of(database, attempts, run_id="g-0")
    assert ended == Ended("g-0", 1, "succeeded")
    assert (run.status, run.outcome, run.step) == ("succeeded", "diverged", 7)
    assert run.result == {"outcome": "diverged", "step": 7}
    assert (run.worker_id, run.slot, run.lease_expires_at) == (None, None, None)
    assert (attempt.outcome, attempt.last_step) == ("succeeded", 7)
    assert attempt.started_at <= attempt.ended_at <= run.finished_at + 1
    assert (last_event(database).kind, last_event(database).actor) == ("succeeded", "w1")
    assert row_of(database, grids, id="g").ended_at is not None


def test_a_result_may_hold_what_json_cannot_say(database: Database) -> None:
    begin(database)
    take(database)

    store.finish(database, "g-0", 1, {"outcome": "diverged", "loss": [float("nan"), 1.0]}, 7)

    assert row_of(database, runs, id="g-0").result == {"outcome": "diverged", "loss": [None, 1.0]}


def test_a_failed_run_says_why_and_what_to_do(database: Database) -> None:
    begin(database)
    take(database)

    store.fail(database, "g-0", 1, Failure("out_of_memory", "8 GiB are not enough", "Killed", 1), 3)

    assert row_of(database, runs, id="g-0").failure == {
        "cause": "out_of_memory",
        "message": "8 GiB are not enough",
        "hint": HINTS["out_of_memory"],
        "log_tail": "Killed",
        "exit_code": 1,
        "signal": None,
    }
    attempt = row_of(database, attempts, run_id="g-0")
    assert (attempt.outcome, attempt.exit_code) == ("failed", 1)
    assert last_event(database).data["cause"] == "out_of_memory"


def test_a_run_that_is_given_back_goes_where_it_was_asked_to(database: Database) -> None:
    begin(database, size=3)
    for _ in range(3):
        take(database)
    store.hold_run(database, "g-1", "ada")
    store.cancel_run(database, "g-2", "ada")

    ended = [store.give_back(database, f"g-{n}", 1, why="the worker stops") for n in range(3)]

    assert [one and one.status for one in ended] == ["queued", "held", "cancelled"]
    found = rows_of(database, runs, runs.c.seq)
    assert [row.reason for row in found] == ["the worker stops", "the worker stops", None]
    assert [row.stop_request for row in found] == ["none"] * 3
    closed = rows_of(database, attempts, attempts.c.run_id)
    assert [row.outcome for row in closed] == ["drained", "held", "cancelled"]


def test_only_deaths_in_a_row_without_a_new_checkpoint_count(database: Database) -> None:
    begin(database)

    statuses = []
    for checkpoint in (0, 0, 5, 5, 0, 0):
        claimed = take(database)
        beat = Beat("g-0", claimed.attempt, checkpoint, checkpoint)
        store.renew(database, "w1", [beat], LEASE)
        ended = store.lose(database, "g-0", claimed.attempt, why="it was killed", signal=9)
        statuses.append(ended and ended.status)

    assert statuses == [*["queued"] * 5, "failed"]
    failure = row_of(database, runs, id="g-0").failure
    assert failure["message"] == (
        "ended too often without a checkpoint beyond step 5 (3 times by itself or 9 times with "
        "its worker, in a row); the last time: it was killed"
    )


def test_nine_deaths_of_a_worker_count_as_three_of_the_run(database: Database) -> None:
    begin(database)

    statuses = []
    for _ in range(9):
        take(database)
        (ended,) = store.reap_workers(database, ["w1"])
        statuses.append(ended.status)
        store.beat_worker(database, "w1")

    assert statuses == [*["queued"] * 8, "failed"]
    failure = row_of(database, runs, id="g-0").failure
    assert failure["cause"] == "crash_loop"
    assert failure["message"].endswith("the last time: its worker died (w1)")


def test_deaths_with_and_without_the_worker_add_up(database: Database) -> None:
    begin(database)
    for attempt in (1, 2):
        take(database)
        store.lose(database, "g-0", attempt, why="it was killed", signal=9)
    for _ in range(2):
        take(database)
        store.reap_workers(database, ["w1"])
        store.beat_worker(database, "w1")
    assert row_of(database, runs, id="g-0").status == "queued"

    take(database)
    (ended,) = store.reap_workers(database, ["w1"])

    assert ended.status == "failed"


def test_stopping_in_good_order_is_never_a_loss(database: Database) -> None:
    begin(database)

    for attempt in range(1, 7):
        take(database)
        ended = store.give_back(database, "g-0", attempt, why="drain")

    assert ended is not None
    assert ended.status == "queued"
    assert row_of(database, runs, id="g-0").losses == 0


def test_an_expired_run_goes_back_with_the_reason(database: Database) -> None:
    begin(database)
    take(database)
    store.renew(database, "w1", [Beat("g-0", 1, 40, 30)], LEASE)
    expire(database, "g-0")

    ended = store.reap(database, lease_seconds=0.0)

    run, attempt = row_of(database, runs, id="g-0"), row_of(database, attempts, run_id="g-0")
    assert [one.status for one in ended] == ["queued"]
    assert (run.reason, run.step) == ("its worker fell silent (w1)", 40)
    assert (attempt.outcome, attempt.last_step) == ("expired", 40)
    assert (last_event(database).kind, last_event(database).actor) == ("queued", "reaper")


def test_the_runs_of_a_dead_worker_are_taken_at_once_and_it_is_removed(
    database: Database,
) -> None:
    begin(database, size=3)
    take(database)
    take(database, "w2")
    take(database)
    store.cancel_run(database, "g-2", "ada")

    ended = store.reap_workers(database, ["w1", "unheard-of"])

    assert [(one.run_id, one.status) for one in ended] == [("g-0", "queued"), ("g-2", "cancelled")]
    assert row_of(database, runs, id="g-0").reason == "its worker died (w1)"
    assert [worker.worker_id for worker in store.live_owners(database)] == ["w2"]


def test_workers_come_beat_and_go(database: Database) -> None:
    worker = WorkerProcess(
        worker_id="w1",
        host="host",
        boot_id="boot",
        pid=7,
        pid_started=1.5,
        slots=2,
        version="0.1.0",
    )
    store.register_worker(database, worker)
    store.register_worker(database, worker)
    put_grid(database, "g")
    take(database)

    store.beat_worker(database, "w1", draining=True)

    (known,) = store.live_owners(database)
    assert (known.worker_id, known.pid, known.pid_started, known.slots) == ("w1", 7, 1.5, 2)
    assert (known.busy, known.draining) == (1, True)
    assert known.beat_at > 1.7e9

    # it still owns a run, so whoever looks for dead workers must go on seeing it
    store.remove_worker(database, "w1")
    assert len(store.live_owners(database)) == 1
    store.give_back(database, "g-0", 1, why="drain")
    assert store.live_owners(database) == []


def test_a_worker_that_was_taken_for_dead_comes_back_with_its_next_beat(
    database: Database,
) -> None:
    put_worker(database, "w1")
    store.reap_workers(database, ["w1"])
    assert store.live_owners(database) == []

    store.beat_worker(database, "w1")

    assert len(store.live_owners(database)) == 1
    with pytest.raises(NotPossible, match="There is no worker w9"):
        store.beat_worker(database, "w9")
