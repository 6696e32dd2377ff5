"""The database's clock was set back: what was written before it seems to come from the future."""

import pytest
from sqlalchemy import update

from bptt import store
from bptt.records.ownership import Beat
from bptt.store import Database
from bptt.store.tables import attempts, runs, workers
from tests.integration.store.queueing import expire, put_worker, row_of
from tests.integration.store.scenarios import LEASE, begin, take

SET_BACK = 7200.0


@pytest.fixture
def set_back(database: Database) -> Database:
    """A run that its worker trains, and the clock two hours before its last beat."""
    begin(database)
    take(database)
    with database.write() as connection:
        connection.execute(
            update(runs)
            .where(runs.c.id == "g-0")
            .values(lease_expires_at=runs.c.lease_expires_at + SET_BACK)
        )
        connection.execute(update(workers).values(beat_at=workers.c.beat_at + SET_BACK))
    return database


def test_a_lease_of_the_future_ends_if_nobody_has_renewed_it_meanwhile(set_back: Database) -> None:
    (lease,) = store.leases_of_the_future(set_back)

    assert store.reap(set_back, lease_seconds=0.0) == []
    (ended,) = store.reap_unrenewed(set_back, [lease], lease_seconds=0.0)

    assert (ended.run_id, ended.status) == ("g-0", "queued")
    assert row_of(set_back, attempts, run_id="g-0").outcome == "expired"
    assert store.leases_of_the_future(set_back) == []
    assert store.reap_unrenewed(set_back, [lease], lease_seconds=0.0) == []


def test_a_lease_that_was_renewed_by_the_new_time_stays(set_back: Database) -> None:
    (lease,) = store.leases_of_the_future(set_back)

    assert store.renew(set_back, "w1", [Beat("g-0", 1)], LEASE) == {"g-0": "none"}

    assert store.reap_unrenewed(set_back, [lease], lease_seconds=0.0) == []
    assert row_of(set_back, runs, id="g-0").status == "running"
    store.beat_worker(set_back, "w1")
    assert store.leases_of_the_future(set_back) == []


def test_nothing_is_taken_before_owners_could_renew_at_a_server_that_has_just_started(
    set_back: Database,
) -> None:
    if set_back.dialect != "postgresql":
        pytest.skip("SQLite has no server that could be down")

    assert (
        store.reap_unrenewed(set_back, store.leases_of_the_future(set_back), lease_seconds=1e9)
        == []
    )


def test_a_worker_that_was_last_heard_of_in_the_future_is_not_up(set_back: Database) -> None:
    put_worker(set_back, "here")

    assert [worker.worker_id for worker in store.queue_status(set_back).workers] == ["here"]


def test_nothing_is_taken_by_a_clock_that_shows_more_than_it_may(database: Database) -> None:
    begin(database)
    take(database)
    expire(database, "g-0")
    shown = store.database_time(database)

    assert store.reap(database, lease_seconds=0.0, not_after=shown - 1) == []
    assert [
        one.run_id for one in store.reap(database, lease_seconds=0.0, not_after=shown + 60)
    ] == ["g-0"]
