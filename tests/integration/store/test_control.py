import pytest
from sqlalchemy import text

from bptt import store
from bptt.errors import GridNotFound, NotPossible, RunNotFound
from bptt.records.ownership import Failure
from bptt.records.workers import WorkerProcess
from bptt.store import Database
from tests.integration.store.submitting import (
    LEASE,
    WORKER,
    claim,
    everything,
    fail,
    kinds,
    statuses,
    submit,
    succeed,
)


def test_cancelling_a_grid_ends_what_waits_and_asks_what_trains_to_stop(
    database: Database,
) -> None:
    grid_id = submit(database).grid_id
    done, running = succeed(database, 2), [claim(database) for _ in range(2)]
    store.hold_run(database, f"{grid_id}-7", "ada")

    told = store.cancel_grid(database, grid_id, "bob")

    assert told == (4, 2)
    assert store.get_grid(database, grid_id).counts == {
        "running": 2,
        "succeeded": 2,
        "cancelled": 4,
    }
    asked = store.stop_requests(database, WORKER)
    assert {(one.run_id, one.stop_request) for one in asked} == {
        (run.run_id, "cancel") for run in running
    }
    assert kinds(database, run_id=done[0])[-1] == "succeeded"
    history = store.events(database, run_id=f"{grid_id}-7")
    assert [(e.kind, e.actor) for e in history] == [("held", "ada"), ("cancelled", "bob")]
    history = store.events(database, run_id=running[0].run_id)
    assert [(e.kind, e.actor) for e in history][-1] == ("cancel_requested", "bob")


def test_every_cancelled_run_has_one_end_in_the_history(database: Database) -> None:
    grid_id = submit(database).grid_id

    store.cancel_grid(database, grid_id, "ada")

    with database.read() as connection:
        ends = connection.execute(
            text("SELECT run_id, count(*) FROM events WHERE kind = 'cancelled' GROUP BY run_id")
        ).all()
    assert sorted(tuple(end) for end in ends) == [(f"{grid_id}-{n}", 1) for n in range(8)]
    assert all(row["finished_at"] is not None for row in everything(database).values())


def test_a_grid_ends_when_it_is_cancelled_or_when_its_last_run_heeds_it(
    database: Database,
) -> None:
    first, second = submit(database), submit(database, user="bob", urgency=2)
    running = claim(database)

    store.cancel_grid(database, first.grid_id, "ada")
    store.cancel_grid(database, second.grid_id, "bob")
    meanwhile = store.get_grid(database, second.grid_id).ended_at
    store.finish(database, running.run_id, running.attempt, {"outcome": "completed"}, 10)

    assert store.get_grid(database, first.grid_id).ended_at is not None
    assert meanwhile is None
    assert store.get_grid(database, second.grid_id).ended_at is not None
    assert store.get_run(database, running.run_id).status == "cancelled"
    assert not submit(database).existing


def test_cancelling_twice_asks_once(database: Database) -> None:
    submit(database)
    running = claim(database)
    store.cancel_run(database, running.run_id, "ada")

    status = store.cancel_run(database, running.run_id, "ada")

    assert status == "running"
    assert kinds(database, run_id=running.run_id) == ["running", "gate_opened", "cancel_requested"]


def test_a_grid_that_has_ended_can_be_ordered_nothing(database: Database) -> None:
    grid_id = submit(database).grid_id
    store.cancel_grid(database, grid_id, "ada")

    for order in (store.cancel_grid, store.hold_grid, store.release_grid):
        with pytest.raises(NotPossible, match=rf"Grid {grid_id} \(small\) has ended"):
            order(database, grid_id, "ada")
    with pytest.raises(NotPossible, match="has ended"):
        store.set_priority(database, grid_id, 1, actor="ada")


def test_a_run_that_has_ended_can_be_ordered_nothing(database: Database) -> None:
    submit(database)
    (done,) = succeed(database)

    for order in (store.cancel_run, store.hold_run):
        with pytest.raises(NotPossible, match=rf"Run {done} has ended \(succeeded\)"):
            order(database, done, "ada")
    with pytest.raises(NotPossible, match="is succeeded, not held"):
        store.release_run(database, done, "ada")


def test_unknown_grids_and_runs_are_said_to_be_unknown(database: Database) -> None:
    for on_grid in (store.cancel_grid, store.hold_grid, store.release_grid, store.delete_grid):
        with pytest.raises(GridNotFound, match="no grid abcde"):
            on_grid(database, "abcde", "ada")
    for on_run in (store.cancel_run, store.hold_run, store.release_run):
        with pytest.raises(RunNotFound, match="no run abcde-1"):
            on_run(database, "abcde-1", "ada")


def test_cancelling_the_first_run_lets_the_others_begin(database: Database) -> None:
    grid_id = submit(database).grid_id

    status = store.cancel_run(database, f"{grid_id}-0", "ada")

    assert status == "cancelled"
    assert store.claimable(database) == 7


def test_cancelling_the_last_run_ends_the_grid(database: Database) -> None:
    grid_id = submit(database).grid_id
    succeed(database, 7)

    store.cancel_run(database, f"{grid_id}-7", "ada")

    assert store.get_grid(database, grid_id).ended_at is not None


def test_of_a_held_grid_nothing_more_begins_and_what_trains_goes_on(database: Database) -> None:
    grid_id = submit(database).grid_id
    running = claim(database)

    waiting = store.hold_grid(database, grid_id, "bob")

    assert (waiting, store.claimable(database)) == (7, 0)
    assert store.get_grid(database, grid_id).held_reason == "held by bob"
    assert store.stop_requests(database, WORKER)[0].stop_request == "none"
    assert store.finish(database, running.run_id, running.attempt, {"outcome": "completed"}, 10)
    with pytest.raises(NotPossible, match="held already: held by bob"):
        store.hold_grid(database, grid_id, "ada")


def test_releasing_a_grid_releases_its_held_runs_too(database: Database) -> None:
    grid_id = submit(database).grid_id
    store.hold_run(database, f"{grid_id}-3", "ada")
    store.hold_grid(database, grid_id, "ada")

    released = store.release_grid(database, grid_id, "bob")

    assert released == 8
    assert store.get_grid(database, grid_id).held_reason is None
    history = store.events(database, run_id=f"{grid_id}-3")
    assert [(e.kind, e.actor) for e in history] == [("held", "ada"), ("queued", "bob")]
    with pytest.raises(NotPossible, match="Nothing of grid"):
        store.release_grid(database, grid_id, "bob")


def test_releasing_after_the_first_run_failed_lets_the_rest_begin(database: Database) -> None:
    grid_id = submit(database).grid_id
    store.register_worker(
        database,
        WorkerProcess(
            worker_id=WORKER, host="h", boot_id="b", pid=1, pid_started=1.0, slots=2, version="0"
        ),
    )
    first = store.claim(database, worker_id=WORKER, slot=0, lease_seconds=LEASE)
    assert first is not None
    store.fail(database, first.run_id, first.attempt, Failure("plugin_error", "bad"), 0)
    held = store.get_grid(database, grid_id).held_reason
    before = store.claimable(database)

    released = store.release_grid(database, grid_id, "ada")

    assert held is not None
    assert "its first run failed at once" in held
    assert (before, released, store.claimable(database)) == (0, 7, 7)


def test_a_held_run_waits_until_it_is_released(database: Database) -> None:
    grid_id = submit(database).grid_id
    run_id = f"{grid_id}-1"

    store.hold_run(database, run_id, "ada")
    held = store.get_run(database, run_id)
    store.release_run(database, run_id, "bob")

    assert (held.status, held.reason) == ("held", "held by ada")
    assert store.get_run(database, run_id).status == "queued"
    with pytest.raises(NotPossible, match="is queued, not held"):
        store.release_run(database, run_id, "bob")


def test_holding_the_first_run_does_not_stop_the_others(database: Database) -> None:
    grid_id = submit(database).grid_id

    store.hold_run(database, f"{grid_id}-0", "ada")

    assert store.claimable(database) == 7


def test_a_run_that_trains_is_asked_to_stop_and_wait(database: Database) -> None:
    submit(database)
    running = claim(database)

    store.hold_run(database, running.run_id, "ada")
    (asked,) = store.stop_requests(database, WORKER)
    store.give_back(database, running.run_id, running.attempt, why="held", last_step=4)

    assert asked.stop_request == "hold"
    assert store.get_run(database, running.run_id).status == "held"


def test_the_request_to_wait_can_be_taken_back_or_become_one_to_end(database: Database) -> None:
    submit(database)
    first, second = claim(database), claim(database)
    for run in (first, second):
        store.hold_run(database, run.run_id, "ada")

    store.release_run(database, first.run_id, "ada")
    store.cancel_run(database, second.run_id, "ada")

    asked = {one.run_id: one.stop_request for one in store.stop_requests(database, WORKER)}
    assert asked == {first.run_id: "none", second.run_id: "cancel"}
    assert kinds(database, run_id=first.run_id)[-1] == "hold_taken_back"
    with pytest.raises(NotPossible, match="asked to cancel already"):
        store.hold_run(database, second.run_id, "ada")


def test_a_higher_priority_goes_first_within_one_user(database: Database) -> None:
    submit(database)
    second = submit(database, "\n".join(["name: other", "task: latch", "cell: gru"]))

    store.set_priority(database, second.grid_id, 5, actor="bob")

    assert claim(database).grid_id == second.grid_id
    grid = store.get_grid(database, second.grid_id)
    assert (grid.priority, grid.urgency) == (5, 1)
    (entry,) = [e for e in store.events(database, grid_id=second.grid_id) if e.kind == "priority"]
    assert (entry.actor, entry.data) == ("bob", {"priority": 5, "urgency": 1})


def test_results_that_others_use_survive_a_cancel(database: Database) -> None:
    first = submit(database)
    done = succeed(database, 3)
    second = submit(database, user="bob")

    store.cancel_grid(database, second.grid_id, "bob")
    store.cancel_grid(database, first.grid_id, "ada")

    for grid in (first, second):
        listed = statuses(database, grid.grid_id)
        assert [i for i, status in listed.items() if status == "succeeded"] == done


def test_a_failed_run_is_not_cancelled(database: Database) -> None:
    grid_id = submit(database).grid_id
    (failed,) = fail(database)

    assert store.cancel_grid(database, grid_id, "ada") == (7, 0)

    assert store.get_run(database, failed).status == "failed"
