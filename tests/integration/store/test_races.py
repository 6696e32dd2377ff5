from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from bptt import store
from bptt.errors import GridNotFound
from bptt.records.ownership import ClaimedRun
from bptt.store import Database
from tests.integration.store.queueing import put_grid, put_worker
from tests.integration.store.submitting import (
    GRID,
    LEASE,
    WORKER,
    everything,
    extend,
    fail,
    statuses,
    submit,
    succeed,
)

ROUNDS = 10
SIZE = 60


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Do all of them from one moment on, each in a thread; return what came of each."""
    barrier = Barrier(len(actions))

    def when_all_are_ready(action: Callable[[], Any]) -> Any:
        barrier.wait(timeout=60)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return [
            f.result(timeout=300) for f in [pool.submit(when_all_are_ready, a) for a in actions]
        ]


def take_all(database: Database) -> list[ClaimedRun]:
    """Claim until nothing is left."""
    taken = []
    while run := store.claim(database, worker_id=WORKER, slot=0, lease_seconds=LEASE):
        taken.append(run)
    return taken


def test_a_cancel_reaches_what_is_claimed_at_the_same_moment(database: Database) -> None:
    put_worker(database, WORKER)
    put_grid(database, "abcde", size=SIZE)

    told, *claimed = at_once(
        lambda: store.cancel_grid(database, "abcde", "ada"),
        *[lambda: take_all(database)] * 3,
    )

    taken = {run.run_id for runs in claimed for run in runs}
    asked = {one.run_id: one.stop_request for one in store.stop_requests(database, WORKER)}
    assert asked == dict.fromkeys(taken, "cancel")
    assert told == (SIZE - len(taken), len(taken))
    ends = Counter(e.run_id for e in store.events(database) if e.kind == "cancelled")
    assert ends == dict.fromkeys({f"abcde-{n}" for n in range(SIZE)} - taken, 1)


def test_what_is_held_is_not_claimed_at_the_same_moment(database: Database) -> None:
    put_worker(database, WORKER)
    put_grid(database, "abcde", size=SIZE)

    def hold_some() -> None:
        for number in range(SIZE - 1, SIZE // 2, -1):
            store.hold_run(database, f"abcde-{number}", "ada")

    _, *claimed = at_once(hold_some, lambda: take_all(database), lambda: take_all(database))

    taken = [run.run_id for runs in claimed for run in runs]
    rows = everything(database)
    assert len(taken) == len(set(taken))
    assert {i for i, row in rows.items() if row["status"] == "running"} == set(taken)
    held = [row for row in rows.values() if row["status"] == "held"]
    assert len(held) + len(taken) == SIZE


def test_a_run_is_retried_once_however_many_ask_at_the_same_moment(database: Database) -> None:
    grid_id = submit(database).grid_id
    failed = fail(database, 4)

    told = at_once(*[lambda: store.retry(database, user="ada", grid_id=grid_id)] * 3)

    assert sorted(told) == [[], [], [f"{run_id}r1" for run_id in failed]]
    assert store.get_grid(database, grid_id).counts == {"queued": 8}


def test_points_are_added_once_however_many_add_them_at_the_same_moment(
    database: Database,
) -> None:
    grid_id = submit(database).grid_id

    told = at_once(
        lambda: extend(database, grid_id, "seeds=4"),
        lambda: extend(database, grid_id, "seeds=4"),
        lambda: submit(database, GRID, "name=other"),
    )

    assert sorted(one.queued for one in told[:2]) == [0, 8]
    assert store.get_grid(database, grid_id).points == 16
    assert len(statuses(database, grid_id)) == 16


def test_no_result_is_lost_that_is_reused_while_its_grid_is_deleted(database: Database) -> None:
    for _ in range(ROUNDS):
        first = submit(database, force=True)
        succeed(database, 8)

        at_once(
            lambda grid_id=first.grid_id: store.delete_grid(database, grid_id, "ada"),
            lambda: submit(database, user="bob"),
        )

        (second,) = store.list_grids(database)
        assert (second.user, second.missing) == ("bob", 0)
        assert second.counts in ({"succeeded": 8}, {"queued": 8})
        assert set(everything(database)) == set(statuses(database, second.grid_id))
        assert second.reused == 0
        store.delete_grid(database, second.grid_id, "bob")


def test_a_grid_is_deleted_once(database: Database) -> None:
    grid_id = submit(database).grid_id

    def delete() -> int:
        try:
            return len(store.delete_grid(database, grid_id, "ada"))
        except GridNotFound:
            return -1

    assert sorted(at_once(delete, delete)) == [-1, 8]


def test_a_grid_being_claimed_is_deleted_whole_or_not_at_all(database: Database) -> None:
    put_worker(database, WORKER)
    for number in range(ROUNDS):
        grid_id = f"abcd{number}"
        put_grid(database, grid_id, size=5)

        def delete(grid_id: str = grid_id) -> bool:
            try:
                return bool(store.delete_grid(database, grid_id, "ada"))
            except store.control.NotPossible:
                return False

        deleted, claimed = at_once(delete, lambda: take_all(database))

        left = [run_id for run_id in everything(database) if run_id.startswith(grid_id)]
        assert (len(left), len(claimed)) == ((0, 0) if deleted else (5, 5))
