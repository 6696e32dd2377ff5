"""Short stories of what must not begin, what waits, and what ends; see `scenarios`."""

from bptt import store
from bptt.records.ownership import Beat
from bptt.store import Database
from bptt.store.tables import grids, runs
from tests.integration.store.queueing import limit, row_of
from tests.integration.store.scenarios import BROKEN, LEASE, begin, take


def a_user_at_their_limit(database: Database) -> None:
    begin(database, size=3)
    limit(database, "ada", max_running=2)
    take(database)
    take(database)

    assert store.claimable(database) == 0
    assert store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE) is None


def a_grid_that_is_held(database: Database) -> None:
    begin(database, held_reason="because")

    assert store.claimable(database) == 0
    assert store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE) is None


def the_first_run_goes_alone(database: Database) -> None:
    begin(database, size=3, canary=True)
    first = take(database)

    assert store.claimable(database) == 0
    assert store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE) is None
    store.renew(database, "w1", [Beat(first.run_id, 1, step=1)], LEASE)
    assert store.claimable(database) == 2


def the_first_run_fails_at_once(database: Database) -> None:
    begin(database, size=3, canary=True)
    store.fail(database, take(database).run_id, 1, BROKEN, 0)

    assert row_of(database, grids, id="g").held_reason == (
        "its first run failed at once: plugin_error: it broke"
    )
    assert store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE) is None


def a_run_that_dies_again_and_again(database: Database) -> None:
    begin(database)
    for attempt in (1, 2, 3):
        ended = store.lose(database, take(database).run_id, attempt, why="died", signal=9)

    assert ended is not None
    assert ended.status == "failed"
    failure = row_of(database, runs, id="g-0").failure
    assert (failure["cause"], failure["signal"]) == ("crash_loop", 9)


def a_grid_with_queued_runs_goes_on(database: Database) -> None:
    begin(database, size=2)
    store.finish(database, take(database).run_id, 1, {}, 5)

    assert row_of(database, grids, id="g").ended_at is None
