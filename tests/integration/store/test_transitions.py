from collections.abc import Callable
from contextlib import suppress

import pytest

from bptt import store
from bptt.errors import NotPossible
from bptt.lifecycle import STATUSES, TRANSITIONS, Status, sources
from bptt.records.ownership import Failure
from bptt.store import Database
from bptt.store.tables import runs
from tests.integration.store import model
from tests.integration.store.queueing import put_grid, put_worker, row_of

Order = Callable[[Database, str], object]


def claim(database: Database, run_id: str) -> None:
    store.claim(database, worker_id="w", slot=0, lease_seconds=90.0)


def attempt_of(database: Database, run_id: str) -> int:
    return int(row_of(database, runs, id=run_id).attempt)


def give_back(database: Database, run_id: str) -> None:
    store.give_back(database, run_id, attempt_of(database, run_id), why="drain")


def finish(database: Database, run_id: str) -> None:
    store.finish(database, run_id, attempt_of(database, run_id), {"outcome": "finished"}, 1)


def fail(database: Database, run_id: str) -> None:
    broken = Failure("plugin_error", "it broke")
    store.fail(database, run_id, attempt_of(database, run_id), broken, 1)


def hold(database: Database, run_id: str) -> None:
    store.hold_run(database, run_id, "ada")
    give_back(database, run_id)


def cancel(database: Database, run_id: str) -> None:
    store.cancel_run(database, run_id, "ada")
    give_back(database, run_id)


def release(database: Database, run_id: str) -> None:
    store.release_run(database, run_id, "ada")


def cancel_grid(database: Database, run_id: str) -> None:
    store.cancel_grid(database, run_id.rpartition("-")[0], "ada")
    give_back(database, run_id)


ORDERS: list[Order] = [claim, give_back, finish, fail, hold, cancel, release, cancel_grid]
REACHED: dict[Status, list[Order]] = {
    "queued": [],
    "held": [hold],
    "running": [claim],
    "succeeded": [claim, finish],
    "failed": [claim, fail],
    "cancelled": [cancel],
}


def test_every_order_on_a_run_of_every_status_changes_it_as_the_table_says(
    database: Database,
) -> None:
    put_worker(database, "w")
    seen: set[tuple[Status, Status]] = set()
    for number, (status, order) in enumerate((s, o) for s in STATUSES for o in ORDERS):
        (run_id,) = put_grid(database, f"g{number}", size=1)
        for step in REACHED[status]:
            step(database, run_id)
        assert row_of(database, runs, id=run_id).status == status
        with suppress(NotPossible):
            order(database, run_id)
        after = row_of(database, runs, id=run_id).status
        if after != status:
            seen.add((status, after))
        # the next claim is to take the next run
        with suppress(NotPossible):
            cancel(database, run_id)

    assert seen == {(before, after) for before in STATUSES for after in TRANSITIONS[before]}


def test_model_of_the_queue_and_the_store_go_by_the_same_table() -> None:
    assert model.TRANSITIONS == TRANSITIONS


def test_a_change_that_the_table_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="no run that is held or queued may become succeeded"):
        sources("succeeded", "held", "queued")
