"""Access tokens: what is kept of them, how long they hold, and how they are told apart."""

from typing import Any

import pytest
from sqlalchemy import update

from bptt import store
from bptt.errors import NotAdmitted, NotPossible, TokenNotFound
from bptt.store import Database
from bptt.store.tables import metadata, tokens
from bptt.store.tokens import NOTED_AFTER, PREFIX
from tests.integration.store.queueing import row_of


def change(database: Database, begins: str, **columns: Any) -> None:
    """Change the row of a token, as time does."""
    with database.write() as connection:
        connection.execute(update(tokens).where(tokens.c.prefix == begins).values(**columns))


def refusal(database: Database, token: str) -> str:
    with pytest.raises(NotAdmitted) as caught:
        store.admit(database, token)
    assert not token[PREFIX:] or token not in str(caught.value)
    return str(caught.value)


def test_a_token_admits_its_user_and_nothing_of_its_secret_is_kept(database: Database) -> None:
    token, known = store.create_token(database, user="ada", label="laptop")

    holder = store.admit(database, token)

    assert (holder.name, holder.role, holder.prefix) == ("ada", "user", known.prefix)
    assert (known.label, known.status, known.last_used_at) == ("laptop", "valid", None)
    assert token.startswith("bptt_")
    assert known.prefix == token[:PREFIX]
    # 32 random bytes, and what is shown leaves 26 of them unknown
    assert len(token) == len("bptt_") + 43
    with database.read() as connection:
        rows = [
            str(row)
            for table in metadata.sorted_tables
            for row in connection.execute(table.select())
        ]
    assert known.prefix in "".join(rows)
    assert token[PREFIX:] not in "".join(rows)


def test_no_two_tokens_are_alike(database: Database) -> None:
    made = {store.create_token(database, user="ada")[0] for _ in range(20)}

    assert len(made) == 20
    assert {store.admit(database, token).token_id for token in made} == {
        row.id for row in _rows(database)
    }


def _rows(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(tokens.select()))


def test_a_token_that_differs_in_its_last_character_admits_nobody(database: Database) -> None:
    token, known = store.create_token(database, user="ada")
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")

    for given in (wrong, known.prefix, token[:-1], token + "A", "", "bptt_", "é" * 48, "%", "\0"):
        assert refusal(database, given).startswith("The server does not know this token.")


def test_two_tokens_with_one_prefix_are_told_apart_by_the_rest(database: Database) -> None:
    first, _ = store.create_token(database, user="ada")
    second, known = store.create_token(database, user="bob")
    change(database, first[:PREFIX], prefix=known.prefix)

    assert store.admit(database, second).name == "bob"
    assert "does not know" in refusal(database, first)


def test_a_token_ends_when_it_was_to_end(database: Database) -> None:
    token, known = store.create_token(database, user="ada", seconds=3600)
    assert known.expires_at is not None
    assert known.expires_at - known.created_at == pytest.approx(3600, abs=30)
    assert store.admit(database, token).name == "ada"

    change(database, known.prefix, expires_at=known.created_at)

    assert refusal(database, token).startswith(f"The token {known.prefix} of ada has expired.")
    assert store.list_tokens(database)[0].status == "expired"


def test_a_revoked_token_admits_nobody_and_others_of_the_user_hold(database: Database) -> None:
    token, known = store.create_token(database, user="ada")
    other, _ = store.create_token(database, user="ada")

    revoked = store.revoke_token(database, known.prefix)

    assert (revoked.status, revoked.user) == ("revoked", "ada")
    assert refusal(database, token).startswith(f"The token {known.prefix} of ada was revoked.")
    assert store.admit(database, other).name == "ada"
    with pytest.raises(NotPossible, match="was revoked already"):
        store.revoke_token(database, known.prefix)
    with pytest.raises(TokenNotFound):
        store.revoke_token(database, "bptt_nothing1")


def test_tokens_of_a_disabled_user_hold_again_when_they_are_enabled(database: Database) -> None:
    token, _ = store.create_token(database, user="ada")

    store.set_user(database, "ada", disabled=True)

    assert refusal(database, token) == "The user ada is disabled. Ask whoever runs the server."
    assert store.list_tokens(database)[0].status == "disabled"
    assert not store.any_token_holds(database)
    with pytest.raises(NotPossible, match="bptt users set ada --enable"):
        store.create_token(database, user="ada", role="admin")
    assert store.get_user(database, "ada").role == "user"

    store.set_user(database, "ada", disabled=False)
    assert store.admit(database, token).name == "ada"
    assert store.any_token_holds(database)


def test_the_role_is_the_users_whatever_token_they_show(database: Database) -> None:
    first, _ = store.create_token(database, user="ada")
    second, known = store.create_token(database, user="ada", role="admin")

    assert known.role == "admin"
    assert [store.admit(database, token).role for token in (first, second)] == ["admin", "admin"]
    store.create_token(database, user="ada")
    assert store.get_user(database, "ada").role == "admin"
    store.set_user(database, "ada", role="user")
    assert [store.admit(database, token).role for token in (first, second)] == ["user", "user"]


def test_a_use_is_noted_once_a_minute(database: Database) -> None:
    token, known = store.create_token(database, user="ada")

    fresh = store.admit(database, token)
    store.note_use(database, fresh.token_id)
    used = row_of(database, tokens, prefix=known.prefix).last_used_at
    store.note_use(database, fresh.token_id)

    assert fresh.is_stale
    assert used is not None
    assert row_of(database, tokens, prefix=known.prefix).last_used_at == used
    assert not store.admit(database, token).is_stale

    change(database, known.prefix, last_used_at=used - NOTED_AFTER - 1)
    assert store.admit(database, token).is_stale
    store.note_use(database, fresh.token_id)
    assert row_of(database, tokens, prefix=known.prefix).last_used_at >= used


def test_tokens_are_listed_the_newest_first_for_one_user_or_all(database: Database) -> None:
    for user in ("ada", "bob", "ada"):
        store.create_token(database, user=user)

    assert [row.user for row in store.list_tokens(database)] == ["ada", "bob", "ada"]
    assert [row.user for row in store.list_tokens(database, "bob")] == ["bob"]
    assert store.list_tokens(database, "eve") == []


def test_a_token_is_found_by_its_beginning_if_no_other_has_it(database: Database) -> None:
    one, _ = store.create_token(database, user="ada")
    two, _ = store.create_token(database, user="bob")

    assert store.find_token(database, one).user == "ada"
    assert store.find_token(database, two[:PREFIX]).user == "bob"
    with pytest.raises(TokenNotFound, match="is the beginning of several tokens: give more of it"):
        store.find_token(database, "bptt_")
    for nothing in ("", "x", "%"):
        with pytest.raises(TokenNotFound, match="bptt tokens list"):
            store.find_token(database, nothing)
