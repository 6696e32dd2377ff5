import pytest
from sqlalchemy import delete

from bptt import store
from bptt.errors import NotPossible, RunNotFound
from bptt.records.ownership import Failure
from bptt.store import Database
from bptt.store.tables import runs
from tests.integration.store.queueing import limit, put_grid, put_worker
from tests.integration.store.submitting import (
    claim,
    everything,
    fail,
    kinds,
    statuses,
    submit,
    succeed,
)


def test_failed_runs_get_a_new_run_and_everything_else_is_kept(database: Database) -> None:
    grid_id = submit(database).grid_id
    done, failed = succeed(database, 2), fail(database, 2)
    before = everything(database)

    new = store.retry(database, user="bob", grid_id=grid_id)

    assert new == [f"{run_id}r1" for run_id in failed]
    after = everything(database)
    for run_id, row in before.items():
        assert after[run_id] == row | {"is_current": run_id not in failed}
    listed = statuses(database, grid_id)
    assert list(listed)[:4] == [*done, *new]
    assert [listed[run_id] for run_id in new] == ["queued", "queued"]
    assert store.get_grid(database, grid_id).counts == {"queued": 6, "succeeded": 2}
    run = store.get_run(database, new[0])
    assert (run.retry_of, run.user) == (failed[0], "ada")
    assert [(e.kind, e.actor) for e in store.events(database, run_id=new[0])] == [("queued", "bob")]


def test_a_run_can_be_retried_again_and_again_but_each_only_once(database: Database) -> None:
    grid_id = submit(database, urgency=2).grid_id
    (failed,) = fail(database)
    (second,) = store.retry(database, user="ada", run_id=failed)
    succeed(database, 7)
    assert fail(database) == [second]

    (third,) = store.retry(database, user="ada", run_id=second)

    assert (second, third) == (f"{grid_id}-0r1", f"{grid_id}-0r2")
    with pytest.raises(NotPossible, match=f"retried already, as {second}"):
        store.retry(database, user="ada", run_id=failed)
    assert store.get_run(database, third).retry_of == second


def test_a_claimed_retry_knows_whose_checkpoint_it_may_start_from(database: Database) -> None:
    submit(database, urgency=2)
    (failed,) = fail(database)
    store.retry(database, user="ada", run_id=failed)
    succeed(database, 7)

    claimed = claim(database)

    assert (claimed.run_id, claimed.retry_of, claimed.attempt) == (f"{failed}r1", failed, 1)
    assert claimed.number == 0


def test_cancelled_runs_are_retried_only_if_asked(database: Database) -> None:
    grid_id = submit(database).grid_id
    (failed,) = fail(database)
    store.cancel_grid(database, grid_id, "ada")

    first = store.retry(database, user="ada", grid_id=grid_id)
    second = store.retry(database, user="ada", grid_id=grid_id, only_failed=False)

    assert first == [f"{failed}r1"]
    assert len(second) == 7
    assert store.get_grid(database, grid_id).counts == {"queued": 8}


def test_a_grid_without_failures_has_nothing_to_retry(database: Database) -> None:
    grid_id = submit(database).grid_id

    assert store.retry(database, user="ada", grid_id=grid_id) == []
    assert kinds(database, grid_id=grid_id) == ["submitted"]


def test_what_has_not_failed_cannot_be_retried(database: Database) -> None:
    grid_id = submit(database).grid_id
    (done,) = succeed(database)
    store.cancel_run(database, f"{grid_id}-5", "ada")

    for run_id, says in [(done, "has succeeded"), (f"{grid_id}-3", "is queued")]:
        with pytest.raises(NotPossible, match=says):
            store.retry(database, user="ada", run_id=run_id, only_failed=False)
    with pytest.raises(NotPossible, match="is cancelled: only what failed"):
        store.retry(database, user="ada", run_id=f"{grid_id}-5")
    with pytest.raises(RunNotFound):
        store.retry(database, user="ada", run_id="nobody-1")


def test_retrying_reopens_a_grid_that_had_ended(database: Database) -> None:
    grid_id = submit(database).grid_id
    succeed(database, 7)
    (failed,) = fail(database)
    ended = store.get_grid(database, grid_id).ended_at

    store.retry(database, user="ada", grid_id=grid_id)

    assert ended is not None
    assert store.get_grid(database, grid_id).ended_at is None
    assert claim(database).run_id == f"{failed}r1"


def test_filling_queues_what_failed_and_what_was_cancelled(database: Database) -> None:
    grid_id = submit(database).grid_id
    done, failed = succeed(database, 2), fail(database)
    store.cancel_grid(database, grid_id, "ada")
    before = everything(database)

    filled = store.fill_grid(database, user="ada", grid_id=grid_id)

    assert filled == 6
    after = everything(database)
    assert {run_id: after[run_id] for run_id in done} == {run_id: before[run_id] for run_id in done}
    assert store.get_grid(database, grid_id).counts == {"queued": 6, "succeeded": 2}
    assert statuses(database, grid_id)[f"{failed[0]}r1"] == "queued"
    assert store.fill_grid(database, user="ada", grid_id=grid_id) == 0


def test_filling_queues_a_run_for_a_point_whose_run_is_gone(database: Database) -> None:
    grid_id = submit(database).grid_id
    with database.write() as connection:
        connection.execute(delete(runs).where(runs.c.id == f"{grid_id}-3"))
    before = store.get_grid(database, grid_id)

    filled = store.fill_grid(database, user="ada", grid_id=grid_id)

    assert (before.missing, before.counts) == (1, {"queued": 7})
    assert filled == 1
    assert store.get_grid(database, grid_id).missing == 0
    run = store.get_run(database, f"{grid_id}-3")
    assert (run.status, run.number, run.retry_of) == ("queued", 3, None)


def test_filling_counts_against_the_users_limit(database: Database) -> None:
    grid_id = submit(database).grid_id
    store.cancel_grid(database, grid_id, "ada")
    limit(database, "ada", max_queued=7)

    with pytest.raises(NotPossible, match="0 of at most 7"):
        store.fill_grid(database, user="ada", grid_id=grid_id)

    assert store.get_grid(database, grid_id).counts == {"cancelled": 8}


def test_retry_sends_the_first_run_ahead_again_of_a_grid_it_holds(database):
    put_grid(database, "g", size=3, canary=True)
    put_worker(database, "w1")
    first = store.claim(database, worker_id="w1", slot=0, lease_seconds=60)
    broken = Failure("plugin_error", "it broke")
    store.fail(database, first.run_id, 1, broken, 0)

    (again,) = store.retry(database, user="ada", grid_id="g")

    assert store.get_grid(database, "g").held_reason is None
    assert store.claimable(database) == 1
    claimed = store.claim(database, worker_id="w1", slot=0, lease_seconds=60)
    assert claimed.run_id == again
    assert store.claim(database, worker_id="w1", slot=1, lease_seconds=60) is None
    # it fails again: the others are held again, none was burnt
    store.fail(database, again, 1, broken, 0)
    assert store.get_grid(database, "g").held_reason.startswith("its first run failed at once")
    assert store.claimable(database) == 0


def test_retry_leaves_a_hold_of_the_users_own_alone(database):
    put_grid(database, "g", size=2)
    put_worker(database, "w1")
    claimed = store.claim(database, worker_id="w1", slot=0, lease_seconds=60)
    store.fail(database, claimed.run_id, 1, Failure("plugin_error", "it broke"), 0)
    store.hold_grid(database, "g", "ada")

    store.retry(database, user="ada", grid_id="g")

    assert store.get_grid(database, "g").held_reason is not None
