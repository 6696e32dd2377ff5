"""Access tokens: whoever presents one is its user. Only their hashes are stored."""

import hmac
import secrets
from hashlib import sha256

from sqlalchemy import Select, insert, select, update

from bptt.errors import NotAdmitted, NotPossible, TokenNotFound
from bptt.records.users import Holder, Role, Token, TokenStatus
from bptt.store.clock import now, read_clock
from bptt.store.database import Database
from bptt.store.tables import AnyRow, tokens, users
from bptt.store.users import add_user

MARK = "bptt_"
"""Every token begins with it, so that a search finds tokens where they should not be."""
SECRET_BYTES = 32
PREFIX = len(MARK) + 8
"""Characters of a token that may be shown: enough to identify it, too few to use it."""
NOTED_AFTER = 60.0
"""Seconds between two records of a token's use."""
RENEW = "Ask for a new one: bptt tokens create"


def create_token(
    database: Database,
    *,
    user: str,
    label: str = "",
    seconds: float | None = None,
    role: Role | None = None,
) -> tuple[str, Token]:
    """Make a token.

    Args:
        database: the queue.
        user: its owner; created if necessary.
        label: what it is for, in the owner's words.
        seconds: how long it is valid; None: until it is revoked.
        role: the role the user gets; None: unchanged, and `user` for a new one.

    Returns:
        The token itself, which cannot be recovered later, and its record.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotPossible: the user is disabled.
    """
    token = MARK + secrets.token_urlsafe(SECRET_BYTES)
    with database.write() as connection:
        add_user(connection, user)
        disabled = select(users.c.disabled_at).where(users.c.name == user)
        if connection.execute(disabled).scalar_one() is not None:
            raise NotPossible(
                f"The user {user} is disabled, so no token would work. "
                f"To enable them: bptt users set {user} --enable"
            )
        if role is not None:
            connection.execute(update(users).where(users.c.name == user).values(role=role))
        made = insert(tokens).values(
            user_name=user,
            label=label,
            prefix=token[:PREFIX],
            hash=_hash(token),
            created_at=now(),
            expires_at=None if seconds is None else now() + seconds,
        )
        number = connection.execute(made.returning(tokens.c.id)).scalar_one()
        row = connection.execute(_all().where(tokens.c.id == number)).one()
        return token, _as_row(row, read_clock(connection))


def admit(database: Database, token: str) -> Holder:
    """Return the owner of a token.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotAdmitted: it is unknown or no longer valid.
    """
    given = _hash(token)
    # what cannot be printed cannot be sent to PostgreSQL either
    begins = token[:PREFIX] if token.isprintable() else ""
    with database.read() as connection:
        at = read_clock(connection)
        rows = connection.execute(_all().where(tokens.c.prefix == begins)).all()
    # compared in full, in the same time wherever they differ
    row = next((row for row in rows if hmac.compare_digest(row.hash, given)), None)
    if row is None:
        raise NotAdmitted(f"The server does not know this token. Check BPTT_TOKEN. {RENEW}")
    known = _as_row(row, at)
    whose = f"The token {known.prefix} of {known.user}"
    match known.status:
        case "disabled":
            raise NotAdmitted(f"The user {known.user} is disabled. Ask whoever runs the server.")
        case "expired":
            raise NotAdmitted(f"{whose} has expired. {RENEW}")
        case "revoked":
            raise NotAdmitted(f"{whose} was revoked. {RENEW}")
    used = row.last_used_at
    return Holder(
        name=known.user,
        role=known.role,
        token_id=row.id,
        prefix=known.prefix,
        expires_at=known.expires_at,
        is_stale=used is None or at - used > NOTED_AFTER,
    )


def note_use(database: Database, token_id: int) -> None:
    """Record that a token was just used, unless another request has already done so.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    used = tokens.c.last_used_at
    with database.write(durable=False) as connection:
        connection.execute(
            update(tokens)
            .where(tokens.c.id == token_id, used.is_(None) | (used < now() - NOTED_AFTER))
            .values(last_used_at=now())
        )


def list_tokens(database: Database, user: str | None = None) -> list[Token]:
    """Return the tokens of one user or of all, the newest first.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    chosen = _all().order_by(tokens.c.id.desc())
    if user is not None:
        chosen = chosen.where(tokens.c.user_name == user)
    with database.read() as connection:
        at = read_clock(connection)
        return [_as_row(row, at) for row in connection.execute(chosen)]


def find_token(database: Database, text: str, user: str | None = None) -> Token:
    """Return the token with this prefix, of one user or of all.

    Raises:
        DatabaseUnavailable: the database does not answer.
        TokenNotFound: there is none, or several have it.
    """
    begins = text[:PREFIX]
    found = [row for row in list_tokens(database, user) if row.prefix.startswith(begins) and text]
    if len(found) == 1:
        return found[0]
    if found:
        # not listed here: admins may see them, with another command
        raise TokenNotFound(
            f"{begins!r} is the beginning of several tokens: give more of it. "
            "They are listed by: bptt tokens list"
        )
    raise TokenNotFound(f"No token begins with {begins!r}. They are listed by: bptt tokens list")


def revoke_token(database: Database, prefix: str) -> Token:
    """Revoke a token, from the next request on.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotPossible: it was already revoked.
        TokenNotFound: there is none with this prefix.
    """
    with database.write() as connection:
        revoked = connection.execute(
            update(tokens)
            .where(tokens.c.prefix == prefix, tokens.c.revoked_at.is_(None))
            .values(revoked_at=now())
        )
        row = connection.execute(_all().where(tokens.c.prefix == prefix)).first()
        if row is None:
            raise TokenNotFound(f"There is no token {prefix}.")
        if not revoked.rowcount:
            raise NotPossible(f"The token {prefix} of {row.user_name} was revoked already.")
        return _as_row(row, read_clock(connection))


def any_token_holds(database: Database) -> bool:
    """Say whether there is any valid token.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    return any(row.status == "valid" for row in list_tokens(database))


def _hash(token: str) -> str:
    # the token is as random as a key, so slow hashing would gain nothing
    return sha256(token.encode()).hexdigest()


def _all() -> Select[*tuple[object, ...]]:
    return select(tokens, users.c.role, users.c.disabled_at).join(
        users, users.c.name == tokens.c.user_name
    )


def _as_row(row: AnyRow, at: float) -> Token:
    return Token(
        prefix=row.prefix,
        user=row.user_name,
        role=row.role,
        label=row.label,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        status=_status(row, at),
    )


def _status(row: AnyRow, at: float) -> TokenStatus:
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and row.expires_at <= at:
        return "expired"
    return "valid" if row.disabled_at is None else "disabled"
