"""Short stories that show one guard at work; each fails if its guard is gone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from bptt import store
from bptt.errors import NotPossible
from bptt.records.ownership import Beat, ClaimedRun, Failure
from bptt.store import Database, open_database
from bptt.store.tables import runs
from tests.integration.store.queueing import expire, limit, put_grid, put_worker, row_of

LEASE = 1000.0
BROKEN = Failure("plugin_error", "it broke")


def begin(database: Database, size: int = 1, **grid: Any) -> list[str]:
    """Register two workers and queue one grid."""
    put_worker(database, "w1")
    put_worker(database, "w2")
    return put_grid(database, "g", size=size, **grid)


def take(database: Database, worker: str = "w1") -> ClaimedRun:
    """Claim a run that must be there."""
    claimed = store.claim(database, worker_id=worker, slot=0, lease_seconds=LEASE)
    assert claimed is not None
    return claimed


def take_twice(database: Database) -> ClaimedRun:
    """Let a worker claim a run, give it back and claim it again; return the second claim."""
    first = take(database)
    store.give_back(database, first.run_id, first.attempt, why="drain")
    second = take(database)
    assert (second.run_id, second.attempt) == (first.run_id, 2)
    return second


def is_untouched(database: Database, claimed: ClaimedRun) -> None:
    """Check that a running run is still the one's who claimed it."""
    run = row_of(database, runs, id=claimed.run_id)
    assert (run.status, run.attempt) == ("running", claimed.attempt)


def renewal_of_an_earlier_attempt(database: Database) -> None:
    begin(database)
    claimed = take_twice(database)

    assert store.renew(database, "w1", [Beat(claimed.run_id, 1, 7)], LEASE) == {}
    assert row_of(database, runs, id=claimed.run_id).step == 0


def renewal_by_another_worker(database: Database) -> None:
    begin(database)
    claimed = take(database)

    assert store.renew(database, "w2", [Beat(claimed.run_id, 1)], LEASE) == {}


def renewal_of_what_was_given_back(database: Database) -> None:
    begin(database)
    claimed = take(database)
    store.give_back(database, claimed.run_id, 1, why="drain")

    assert store.renew(database, "w1", [Beat(claimed.run_id, 1)], LEASE) == {}


def ending_an_earlier_attempt(end: Callable[[Database, str], Any]) -> Callable[[Database], None]:
    """Return the story of an owner that ends an attempt which is not the newest."""

    def story(database: Database) -> None:
        begin(database)
        claimed = take_twice(database)

        assert end(database, claimed.run_id) is None
        is_untouched(database, claimed)

    return story


finish_of_an_earlier_attempt = ending_an_earlier_attempt(
    lambda database, run_id: store.finish(database, run_id, 1, {}, 5)
)
failure_of_an_earlier_attempt = ending_an_earlier_attempt(
    lambda database, run_id: store.fail(database, run_id, 1, BROKEN, 5)
)
loss_of_an_earlier_attempt = ending_an_earlier_attempt(
    lambda database, run_id: store.lose(database, run_id, 1, why="died")
)
return_of_an_earlier_attempt = ending_an_earlier_attempt(
    lambda database, run_id: store.give_back(database, run_id, 1, why="drain")
)


@contextmanager
def meanwhile(database: Database, action: Callable[[Database], Any]) -> Iterator[Database]:
    """Give the same database, on which `action` happens just before the next transaction writes.

    `action` is given a connection of its own to the same database.
    """
    with another(database) as other, another(database) as watched:
        pending, write = [action], watched.write

        def write_late(*given: Any, **named: Any) -> Any:
            if pending:
                pending.pop()(other)
            return write(*given, **named)

        watched.write = write_late  # type: ignore[method-assign]
        yield watched


@contextmanager
def another(database: Database) -> Iterator[Database]:
    """Give the same database with connections of its own, as another process has them."""
    other = open_database(database.url.render_as_string(hide_password=False))
    try:
        yield other
    finally:
        other.close()


def reaping_what_was_renewed_meanwhile(database: Database) -> None:
    begin(database)
    claimed = take(database)
    expire(database, claimed.run_id)

    def renew(other: Database) -> None:
        assert store.renew(other, "w1", [Beat(claimed.run_id, 1)], LEASE)

    with meanwhile(database, renew) as watched:
        assert store.reap(watched, lease_seconds=0.0) == []
    is_untouched(database, claimed)


def reaping_what_was_claimed_anew_meanwhile(database: Database) -> None:
    begin(database)
    claimed = take(database)
    expire(database, claimed.run_id)

    def give_to_another(other: Database) -> None:
        store.give_back(other, claimed.run_id, 1, why="drain")
        take(other, "w2")
        expire(other, claimed.run_id)

    with meanwhile(database, give_to_another) as watched:
        assert store.reap(watched, lease_seconds=0.0) == []
    assert row_of(database, runs, id=claimed.run_id).worker_id == "w2"


def reaping_after_the_server_started(database: Database) -> None:
    begin(database)
    expire(database, take(database).run_id)

    assert store.reap(database, lease_seconds=1e9) == []


def reaping_a_worker_that_lives(database: Database) -> None:
    begin(database)
    claimed = take(database)

    assert store.reap_workers(database, ["w2"]) == []
    is_untouched(database, claimed)


@contextmanager
def just_before(
    database: Database, beginning: str, action: Callable[[Database], Any]
) -> Iterator[tuple[Database, Callable[[], Any]]]:
    """Give the same database, on which another thread acts in the midst of a transaction.

    It starts before the first statement with this beginning. If the transaction holds what it needs
    it goes on waiting, until that transaction is over; else it is done at once.

    Yields:
        The database, and what waits for the other thread and returns what its `action` did.
    """
    said: list[Any] = []
    with another(database) as other, another(database) as watched:

        def act_too() -> None:
            try:
                said.append(action(other))
            except BaseException as error:
                said.append(error)

        thread = threading.Thread(target=act_too)

        def act(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if thread.ident is None and statement.startswith(beginning):
                thread.start()
                # without a lock it is done by then; with one, this is how long it is seen to wait
                thread.join(timeout=1.0)

        def wait() -> Any:
            thread.join(timeout=60)
            return said[0]

        event.listen(watched.writer, "before_cursor_execute", act)
        try:
            yield watched, wait
        finally:
            thread.join(timeout=60)


def claim_of_what_is_cancelled_meanwhile(database: Database) -> None:
    begin(database)

    def cancel(other: Database) -> str:
        return store.cancel_run(other, "g-0", "ada")

    with just_before(database, "UPDATE runs SET status", cancel) as (watched, wait):
        claimed = store.claim(watched, worker_id="w1", slot=0, lease_seconds=LEASE)
        assert (claimed, wait()) == (None, "cancelled")


def two_claims_for_one_place(database: Database) -> None:
    begin(database, size=2)
    limit(database, "ada", max_running=1)

    def claim_what_came_meanwhile(other: Database) -> ClaimedRun | None:
        put_grid(other, "urgent", urgency=2)
        return store.claim(other, worker_id="w2", slot=0, lease_seconds=LEASE)

    with just_before(database, "INSERT INTO attempts", claim_what_came_meanwhile) as pair:
        watched, wait = pair
        assert store.claim(watched, worker_id="w1", slot=0, lease_seconds=LEASE) is not None
        assert wait() is None


def cancel_while_it_finishes(database: Database) -> None:
    begin(database)
    claimed = take(database)

    def cancel(other: Database) -> str:
        try:
            return store.cancel_run(other, claimed.run_id, "ada")
        except NotPossible:
            return "came too late"

    with just_before(database, "UPDATE runs SET status", cancel) as (watched, wait):
        ended = store.finish(watched, claimed.run_id, 1, {}, 5)
        assert ended is not None
        assert (ended.status, wait()) == ("succeeded", "came too late")


def cancel_before_finish(database: Database) -> None:
    begin(database)
    claimed = take(database)
    store.cancel_run(database, claimed.run_id, "ada")

    ended = store.finish(database, claimed.run_id, 1, {"outcome": "finished"}, 5)

    assert ended is not None
    assert ended.status == "cancelled"
