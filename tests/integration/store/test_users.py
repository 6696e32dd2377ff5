"""Users: their limits hold from the next claim on, and a listing says what each uses."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bptt import store
from bptt.errors import NotPossible, UserNotFound
from bptt.store import Database
from bptt.store.schema import downgrade
from tests.integration.store.queueing import put_grid, put_worker
from tests.integration.store.submitting import LEASE, submit, succeed


def claims(database: Database, most: int) -> list[str]:
    """Claim at most so many runs; return whose they are, in order."""
    put_worker(database, "w1")
    taken = []
    for _ in range(most):
        run = store.claim(database, worker_id="w1", slot=0, lease_seconds=LEASE)
        if run is None:
            break
        taken.append(run.user)
    return taken


def test_a_limit_of_running_runs_holds_from_the_next_claim_on(database: Database) -> None:
    put_grid(database, "g", size=9)
    assert claims(database, 2) == ["ada", "ada"]

    store.set_user(database, "ada", max_running=3)
    assert claims(database, 9) == ["ada"]
    store.set_user(database, "ada", max_running=1)
    assert claims(database, 9) == []
    store.set_user(database, "ada", max_running=None)

    assert claims(database, 9) == ["ada"] * 6


def test_a_limit_of_queued_runs_holds_from_the_next_submission_on(database: Database) -> None:
    store.ensure_user(database, "ada")
    store.set_user(database, "ada", max_queued=7)
    with pytest.raises(NotPossible, match="ada has 0 of at most 7 queued runs, and these are 8"):
        submit(database)

    store.set_user(database, "ada", max_queued=8)

    assert submit(database).queued == 8


def test_a_weight_holds_from_the_next_claim_on(database: Database) -> None:
    put_grid(database, "g", size=20)
    put_grid(database, "h", size=20, user="bob")
    assert sorted(claims(database, 4)) == ["ada", "ada", "bob", "bob"]

    store.set_user(database, "bob", weight=3)

    # bob has three for each one of ada's as soon as he can
    assert claims(database, 4) == ["bob"] * 4
    assert sorted(claims(database, 8)) == ["ada"] * 2 + ["bob"] * 6


def test_runs_of_a_disabled_user_wait_and_say_why(database: Database) -> None:
    put_grid(database, "g", size=3)
    put_grid(database, "h", user="bob")
    assert claims(database, 1) == ["ada"]

    store.set_user(database, "ada", disabled=True)

    assert store.claimable(database) == 1
    assert store.position(database, "g-1")[1] == "the user ada is disabled"
    assert claims(database, 9) == ["bob"]
    assert store.get_run(database, "g-0").status == "running"

    store.set_user(database, "ada", disabled=False)
    assert claims(database, 9) == ["ada", "ada"]


def test_a_listing_says_what_each_may_use_and_does_use(database: Database) -> None:
    put_grid(database, "g", size=5)
    put_grid(database, "h", size=2, user="bob", held_reason="held by bob")
    store.ensure_user(database, "eve")
    claims(database, 2)
    store.set_user(database, "bob", weight=2.5, max_queued=9, role="admin")

    ada, bob, eve = store.list_users(database)

    assert (ada.name, ada.role, ada.weight, ada.running, ada.queued) == ("ada", "user", 1, 2, 3)
    assert (bob.name, bob.role, bob.weight, bob.running, bob.queued) == ("bob", "admin", 2.5, 0, 2)
    assert (eve.name, eve.running, eve.queued, eve.usage) == ("eve", 0, 0, 0)
    assert (bob.max_running, bob.max_queued, ada.max_queued) == (None, 9, 1_000_000)
    assert store.get_user(database, "bob") == bob


def test_what_was_used_of_the_slots_is_listed(database: Database) -> None:
    put_grid(database, "g")
    succeed(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE users SET usage = 4000, usage_at = usage_at - 86400")

    (ada,) = store.list_users(database)

    assert ada.usage == pytest.approx(2000, rel=0.01)


def test_nobody_is_made_by_a_slip_of_a_name(database: Database) -> None:
    store.ensure_user(database, "anna")

    for call in (
        lambda: store.set_user(database, "ana", weight=2),
        lambda: store.get_user(database, "ana"),
    ):
        with pytest.raises(UserNotFound, match="No user 'ana'; did you mean 'anna'"):
            call()

    assert [user.name for user in store.list_users(database)] == ["anna"]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_users_outlive_the_way_down_and_up_without_roles_and_tokens(
    new_database: Callable[[str], Database], dialect: str
) -> None:
    database = new_database(dialect)
    downgrade(database, "0003")
    columns = "(name, weight, usage_at, created_at) VALUES ('ada', 3, 1.0, 2.0)"
    with database.write() as connection:
        connection.execute(text(f"INSERT INTO users {columns}"))

    assert store.upgrade(database)[0] == "0004"
    (ada,) = store.list_users(database)
    assert (ada.role, ada.weight, ada.disabled_at) == ("user", 3, None)
    store.create_token(database, user="ada", role="admin")
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("UPDATE users SET role = 'root'"))

    downgrade(database, "0003")
    assert store.upgrade(database)[0] == "0004"
    (ada,) = store.list_users(database)
    assert (ada.role, ada.weight, store.list_tokens(database)) == ("user", 3, [])
