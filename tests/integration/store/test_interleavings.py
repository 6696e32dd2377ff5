"""Two transactions in every order of their statements: no order may break what must hold."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import event

from bptt import store
from bptt.errors import NotPossible
from bptt.records.ownership import Beat, Failure
from bptt.store import Database
from bptt.store.tables import attempts, events, grids, runs
from tests.integration.store.queueing import expire, limit, row_of, rows_of
from tests.integration.store.scenarios import LEASE, another, begin, take
from tests.integration.store.schedules import STOPS, Action, explore

BROKEN = Failure("plugin_error", "it broke")


def claims(worker: str) -> Action:
    return lambda database: store.claim(database, worker_id=worker, slot=0, lease_seconds=LEASE)


def finishes(run_id: str) -> Action:
    return lambda database: store.finish(database, run_id, 1, {"outcome": "finished"}, 5)


def renews(worker: str, run_id: str, step: int) -> Action:
    return lambda database: store.renew(database, worker, [Beat(run_id, 1, step)], LEASE)


def reaps(database: Database) -> Any:
    return store.reap(database, lease_seconds=0.0)


def cancels_run(database: Database) -> Any:
    try:
        return store.cancel_run(database, "g-0", "ada")
    except NotPossible:
        return "too late"


def cancels_grid(database: Database) -> Any:
    try:
        return store.cancel_grid(database, "g", "ada")
    except NotPossible:
        return "too late"


def two_claims_of_one_run(database: Database) -> Sequence[Action]:
    begin(database)
    return claims("w1"), claims("w2")


def two_claims_within_a_limit(database: Database) -> Sequence[Action]:
    begin(database, size=2)
    limit(database, "ada", max_running=1)
    return claims("w1"), claims("w2")


def one_gets_it(database: Database, results: list[Any]) -> None:
    assert sum(result is not None for result in results) == 1


def finish_and_reap(database: Database) -> Sequence[Action]:
    begin(database)
    expire(database, take(database).run_id)
    return finishes("g-0"), reaps


def finished_or_reaped(database: Database, results: list[Any]) -> None:
    finished, reaped = results
    assert (finished is None) == (len(reaped) == 1)
    assert row_of(database, runs, id="g-0").status == ("queued" if reaped else "succeeded")


def renew_and_reap(database: Database) -> Sequence[Action]:
    begin(database, canary=True)
    expire(database, take(database).run_id)
    return renews("w1", "g-0", 1), reaps


def renewed_or_reaped(database: Database, results: list[Any]) -> None:
    renewed, reaped = results
    assert (renewed == {}) == (len(reaped) == 1)


def cancel_and_finish(database: Database) -> Sequence[Action]:
    begin(database)
    take(database)
    return cancels_run, finishes("g-0")


def cancelled_unless_too_late(database: Database, results: list[Any]) -> None:
    cancelled, finished = results
    assert finished.status == ("succeeded" if cancelled == "too late" else "cancelled")


def claim_and_cancel(database: Database) -> Sequence[Action]:
    begin(database)
    return claims("w1"), cancels_run


def claimed_or_cancelled(database: Database, results: list[Any]) -> None:
    claimed, cancelled = results
    run = row_of(database, runs, id="g-0")
    assert cancelled == run.status == ("cancelled" if claimed is None else "running")
    assert run.stop_request == ("none" if claimed is None else "cancel")


def claim_and_cancel_grid(database: Database) -> Sequence[Action]:
    begin(database, size=2)
    return claims("w1"), cancels_grid


def all_cancelled_but_what_was_claimed(database: Database, results: list[Any]) -> None:
    claimed, cancelled = results
    stands = [(run.status, run.stop_request) for run in rows_of(database, runs, runs.c.seq)]
    first = ("cancelled", "none") if claimed is None else ("running", "cancel")
    assert stands == [first, ("cancelled", "none")]
    assert cancelled == ((2, 0) if claimed is None else (1, 1))


def the_last_two_finish(database: Database) -> Sequence[Action]:
    begin(database, size=2)
    take(database)
    take(database, "w2")
    return finishes("g-0"), finishes("g-1")


def the_grid_has_ended(database: Database, results: list[Any]) -> None:
    assert [result.status for result in results] == ["succeeded", "succeeded"]
    assert row_of(database, grids, id="g").ended_at is not None


def the_first_fails_and_is_renewed(database: Database) -> Sequence[Action]:
    begin(database, size=2, canary=True)
    take(database)
    return lambda db: store.fail(db, "g-0", 1, BROKEN, 0), renews("w1", "g-0", 1)


def held_unless_it_had_begun(database: Database, results: list[Any]) -> None:
    failed, renewed = results
    assert failed.status == "failed"
    assert (row_of(database, grids, id="g").held_reason is None) == (renewed == {"g-0": "none"})


PAIRS = {
    "claim, claim": (two_claims_of_one_run, one_gets_it),
    "claim, claim within a limit": (two_claims_within_a_limit, one_gets_it),
    "finish, reap": (finish_and_reap, finished_or_reaped),
    "renew, reap": (renew_and_reap, renewed_or_reaped),
    "cancel, finish": (cancel_and_finish, cancelled_unless_too_late),
    "claim, cancel": (claim_and_cancel, claimed_or_cancelled),
    "claim, cancel grid": (claim_and_cancel_grid, all_cancelled_but_what_was_claimed),
    "finish, finish": (the_last_two_finish, the_grid_has_ended),
    "fail, renew": (the_first_fails_and_is_renewed, held_unless_it_had_begun),
}


def check_history(database: Database) -> None:
    """Check what holds after any pair: one open attempt per running run, one end per ended run."""
    for run in rows_of(database, runs, runs.c.seq):
        mine = [row for row in rows_of(database, attempts, attempts.c.attempt) if row[0] == run.id]
        assert [row.attempt for row in mine] == [*range(1, run.attempt + 1)]
        assert sum(row.ended_at is None for row in mine) == (run.status == "running")
        kinds = [row.kind for row in rows_of(database, events, events.c.id) if row.run_id == run.id]
        assert kinds.count(run.status) == 1 or run.status == "queued"


@pytest.mark.parametrize("name", PAIRS)
def test_no_order_of_two_transactions_breaks_anything(
    name: str, empty_database: Callable[[str], Database]
) -> None:
    prepare, check = PAIRS[name]
    database = empty_database("postgresql")
    tried = 0

    for schedule, results in explore(database, lambda: prepare(empty_database("postgresql"))):
        assert not [result for result in results if isinstance(result, Exception)], schedule
        check(database, results)
        check_history(database)
        tried += 1

    assert tried >= 4


@pytest.mark.parametrize("name", PAIRS)
def test_sqlite_lets_one_transaction_write_at_a_time(
    name: str, empty_database: Callable[[str], Database]
) -> None:
    prepare, check = PAIRS[name]
    stop, reached = 0, True

    while reached:
        database = empty_database("sqlite")
        first, second = prepare(database)
        with another(database) as one, another(database) as other:
            reached, results = stopped_at(stop, one, first, other, second)
        if reached:
            check(database, results)
            check_history(database)
        stop += 1

    # its first write and what came before it; the last round goes past the end
    assert stop >= 2


def stopped_at(
    stop: int, one: Database, first: Action, other: Database, second: Action
) -> tuple[bool, list[Any]]:
    """Run `first` and, when it comes to a stop, let `second` try; say whether it came so far."""
    results: list[Any] = [None, None]
    passed: list[str] = []
    written: list[str] = []
    thread = threading.Thread(target=lambda: results.__setitem__(1, second(other)))

    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not STOPS.match(statement):
            return
        passed.append(statement)
        if len(passed) == stop + 1:
            thread.start()
            thread.join(timeout=0.05)
            assert thread.is_alive()
            assert written == []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            written.append(statement)

    event.listen(one.writer, "before_cursor_execute", before)
    event.listen(other.writer, "before_cursor_execute", note)
    results[0] = first(one)
    if thread.ident is not None:
        thread.join(timeout=120)
    return thread.ident is not None, results
