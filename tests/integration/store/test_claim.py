"""Which run is claimed, by whom, and how long that takes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from bptt import store
from bptt.errors import DatabaseUnavailable, NotPossible
from bptt.records.ownership import Beat, Failure
from bptt.store import Database, claiming
from bptt.store.tables import attempts, events, grids, runs, users
from tests.integration.store.queueing import limit, put_grid, put_worker, row_of, rows_of

LEASE = 1000.0


def claim_all(database: Database, most: int = 99) -> list[str]:
    """Claim until nothing is left; return the ids in order."""
    put_worker(database, "w1")
    claimed = []
    while len(claimed) < most:
        run = store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE)
        if run is None:
            break
        claimed.append(run.run_id)
    return claimed


def test_a_claim_hands_over_all_that_training_needs(database: Database) -> None:
    put_worker(database, "w1")
    axes = [{"path": "seed", "values": [0, 1], "within": ""}]
    put_grid(database, "g", size=2, axes=axes)

    claimed = store.claim(database, worker_id="w1", slot=3, lease_seconds=LEASE)

    assert claimed is not None
    assert (claimed.run_id, claimed.attempt, claimed.grid_id, claimed.number) == ("g-0", 1, "g", 0)
    assert (claimed.spec, claimed.values) == ({"seed": 0}, {"seed": 0})
    assert (claimed.user, claimed.project, claimed.checkpoint_step) == ("ada", "p", 0)
    run, attempt = row_of(database, runs, id="g-0"), row_of(database, attempts, run_id="g-0")
    assert (run.status, run.worker_id, run.slot, run.mlflow) == ("running", "w1", 3, "pending")
    assert (attempt.attempt, attempt.worker, attempt.slot) == (1, "host:1", 3)
    assert run.started_at <= attempt.started_at <= run.lease_expires_at - LEASE + 1
    entry = rows_of(database, events, events.c.id)[-1]
    assert (entry.kind, entry.run_id, entry.attempt, entry.actor) == ("running", "g-0", 1, "w1")


def test_the_first_start_is_remembered_over_attempts(database: Database) -> None:
    put_worker(database, "w1")
    put_grid(database, "g")
    first = store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE)
    started = row_of(database, runs, id="g-0").started_at
    assert first is not None
    store.give_back(database, "g-0", 1, why="drain")

    second = store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE)

    assert second is not None
    assert (second.attempt, row_of(database, runs, id="g-0").started_at) == (2, started)


def test_an_unknown_worker_cannot_claim(database: Database) -> None:
    put_grid(database, "g")

    with pytest.raises(NotPossible, match="w9 is not registered"):
        store.claim(database, worker_id="w9", slot=0, lease_seconds=LEASE)

    put_worker(database, "w9")
    store.remove_worker(database, "w9")
    with pytest.raises(NotPossible, match="w9 is not registered"):
        store.claim(database, worker_id="w9", slot=0, lease_seconds=LEASE)


def test_within_one_user_class_then_priority_then_age(database: Database) -> None:
    put_grid(database, "old")
    put_grid(database, "low", urgency=0, priority=9)
    put_grid(database, "first", priority=1)
    put_grid(database, "urgent", urgency=2)
    put_grid(database, "new")

    assert claim_all(database) == ["urgent-0", "first-0", "old-0", "new-0", "low-0"]


def test_runs_of_one_grid_come_in_order(database: Database) -> None:
    put_grid(database, "g", size=4)

    assert claim_all(database) == ["g-0", "g-1", "g-2", "g-3"]


def test_who_has_fewer_running_comes_first_whoever_came_first(database: Database) -> None:
    put_grid(database, "a", size=4, user="ada", priority=9)
    put_grid(database, "b", size=4, user="bob")

    assert claim_all(database, 6) == ["a-0", "b-0", "a-1", "b-1", "a-2", "b-2"]


def test_a_weight_of_two_is_two_shares(database: Database) -> None:
    put_grid(database, "a", size=9, user="ada")
    put_grid(database, "b", size=9, user="bob")
    limit(database, "ada", weight=2.0)

    claimed = claim_all(database, 9)

    assert sum(run_id.startswith("a") for run_id in claimed) == 6


def test_who_used_less_lately_comes_first_and_long_ago_is_forgotten(database: Database) -> None:
    put_grid(database, "a", user="ada")
    put_grid(database, "b", user="bob")
    put_grid(database, "c", user="cyd")
    with database.read() as connection:
        at = store.clock.read_clock(connection)
    day = store.users.HALF_LIFE
    # ada's 800 slot-seconds have become 100 in three half-lives
    limit(database, "ada", usage=800.0, usage_at=at - 3 * day)
    limit(database, "bob", usage=150.0, usage_at=at)
    limit(database, "cyd", usage=60.0, usage_at=at)

    assert claim_all(database) == ["c-0", "a-0", "b-0"]


def test_an_attempt_is_charged_to_its_user_for_as_long_as_it_had_the_slot(
    database: Database,
) -> None:
    put_grid(database, "g")
    claim_all(database)
    with database.write() as connection:
        connection.execute(text("UPDATE attempts SET started_at = started_at - 500"))

    store.give_back(database, "g-0", 1, why="drain")

    assert 500 <= row_of(database, users, name="ada").usage < 600


def test_a_limit_counts_only_what_runs(database: Database) -> None:
    put_grid(database, "g", size=3)
    limit(database, "ada", max_running=1)
    assert claim_all(database) == ["g-0"]
    assert store.claimable(database) == 0

    store.finish(database, "g-0", 1, {"outcome": "finished"}, 5)

    assert store.claimable(database) == 1
    assert claim_all(database) == ["g-1"]


def test_a_user_at_their_limit_does_not_block_others(database: Database) -> None:
    put_grid(database, "a", size=2, user="ada", urgency=2)
    put_grid(database, "b", size=2, user="bob")
    limit(database, "ada", max_running=0)

    assert store.claimable(database) == 2
    assert claim_all(database) == ["b-0", "b-1"]


def test_nothing_of_a_grid_that_is_held_or_has_ended_is_claimed(database: Database) -> None:
    put_grid(database, "held", held_reason="because")
    put_grid(database, "rows", status="held")

    assert store.claimable(database) == 0
    assert claim_all(database) == []


def test_after_a_first_run_that_did_not_fail_the_others_begin(database: Database) -> None:
    ends: list[Callable[[], Any]] = [
        lambda: store.finish(database, "g0-0", 1, {"outcome": "diverged"}, 5),
        lambda: store.give_back(database, "g1-0", 1, why="drain"),
        lambda: store.lose(database, "g2-0", 1, why="died"),
        lambda: store.cancel_run(database, "g3-0", "ada"),
    ]
    for n, end in enumerate(ends):
        put_grid(database, f"g{n}", size=2, canary=True)
        if n < 3:
            assert claim_all(database) == [f"g{n}-0"]

        end()

        assert f"g{n}-1" in claim_all(database)


def test_a_first_run_that_fails_later_holds_nothing(database: Database) -> None:
    put_grid(database, "g", size=2, canary=True)
    claim_all(database)
    store.renew(database, "w1", [Beat("g-0", 1, step=1)], LEASE)

    store.fail(database, "g-0", 1, Failure("plugin_error", "it broke"), 7)

    assert row_of(database, grids, id="g").held_reason is None
    assert claim_all(database) == ["g-1"]


def test_the_only_run_of_a_grid_holds_nothing_when_it_fails(database: Database) -> None:
    put_grid(database, "g", canary=True)
    claim_all(database)

    store.fail(database, "g-0", 1, Failure("plugin_error", "it broke"), 0)

    grid = row_of(database, grids, id="g")
    assert (grid.held_reason, grid.live_key) == (None, None)
    assert grid.ended_at is not None


def test_a_claim_whose_answer_was_lost_is_found_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_worker(database, "w1")
    put_grid(database, "g")
    write = database.write

    @contextmanager
    def write_and_lose_the_answer(*given: Any, **named: Any) -> Iterator[Any]:
        with write(*given, **named) as connection:
            yield connection
        raise DatabaseUnavailable("the connection broke")

    monkeypatch.setattr(database, "write", write_and_lose_the_answer)
    claimed = store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE)

    assert claimed is not None
    assert (claimed.run_id, claimed.attempt) == ("g-0", 1)


def test_a_claim_that_was_not_written_is_an_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_worker(database, "w1")
    put_grid(database, "g")

    def refuse(*given: Any, **named: Any) -> None:
        raise DatabaseUnavailable("the connection broke")

    monkeypatch.setattr(claiming, "record_event", refuse)
    with pytest.raises(DatabaseUnavailable):
        store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE)

    assert row_of(database, runs, id="g-0").status == "queued"
