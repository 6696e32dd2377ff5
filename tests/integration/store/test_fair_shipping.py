"""Whose runs are sent to MLflow next."""

from bptt import store
from bptt.store import Database
from tests.integration.store.queueing import put_worker
from tests.integration.store.submitting import GRID, WORKER, submit, succeed


def test_a_small_grid_of_another_user_is_sent_soon_behind_a_flood_of_small_runs(
    database: Database,
) -> None:
    # counted in runs that are sent, not in seconds
    submit(database, GRID, "name=flood", "seeds=75", user="ada")
    flood = succeed(database, 300)
    submit(database, GRID, "name=small", "seeds=1", user="bob", force=True)
    small = succeed(database, 2)

    order = [item.run_id for item in store.unshipped(database, limit=1000)]

    assert len(order) == 302
    assert {order.index(run_id) for run_id in small} <= {0, 1, 2, 3}
    assert order.index(flood[0]) <= 1


def test_the_newest_grid_of_a_user_is_sent_first_and_its_runs_in_their_order(
    database: Database,
) -> None:
    older = submit(database, GRID, "name=older", user="ada").grid_id
    first = succeed(database, 8)
    newer = submit(database, GRID, "name=newer", user="ada", force=True).grid_id
    second = succeed(database, 8)

    order = [item.run_id for item in store.unshipped(database, limit=1000)]

    assert order == second + first
    assert (older, newer) == (first[0].partition("-")[0], second[0].partition("-")[0])


def test_users_take_turns_however_many_they_are(database: Database) -> None:
    for user in ("ada", "bob", "eve"):
        submit(database, GRID, f"name=of-{user}", user=user, force=True)
    succeed(database, 24)

    order = [item.run_id for item in store.unshipped(database, limit=9)]

    owners = [store.get_run(database, run_id).user for run_id in order]
    assert [set(owners[first : first + 3]) for first in (0, 3, 6)] == [{"ada", "bob", "eve"}] * 3


def test_runs_that_are_left_out_or_damaged_take_nobodys_turn(database: Database) -> None:
    submit(database, GRID, user="ada")
    done = succeed(database, 4)
    store.mark_unshippable(database, done[0], "its journal is no journal")

    order = [i.run_id for i in store.unshipped(database, limit=9, without=[done[1]])]
    damaged = store.unshipped(database, limit=9, damaged=True)

    assert order == done[2:]
    assert [item.run_id for item in damaged] == [done[0]]
    assert store.arrears(database).such_as == ((done[0], "its journal is no journal"),)
    store.mark_shipped(database, done[0], mlflow_run_id="m", complete=True)
    assert store.arrears(database).damaged == 0
    assert store.get_run(database, done[0]).ship_trouble is None


def test_a_run_that_is_lost_there_is_sent_again_under_its_new_name(database: Database) -> None:
    submit(database, GRID, user="ada")
    (done,) = succeed(database, 1)
    store.mark_shipped(database, done, mlflow_run_id="m1", complete=True)
    (seq, listed), *_ = store.shipped(database, before=None, limit=9)

    store.mark_unshipped(database, [done])
    store.mark_shipped(database, done, mlflow_run_id="m2", complete=True, instead_of="m1")

    assert listed == done
    assert store.shipped(database, before=seq, limit=9) == []
    assert store.get_run(database, done).mlflow_run_id == "m2"


def test_what_keeps_a_worker_from_sending_is_part_of_the_queue_status(database: Database) -> None:
    put_worker(database, WORKER)
    store.beat_worker(database, WORKER)

    store.tell_shipping(database, WORKER, "MLflow at http://m does not answer")

    found = [worker.ship_trouble for worker in store.queue_status(database).workers]

    assert found == ["MLflow at http://m does not answer"]
