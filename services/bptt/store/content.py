"""Contents of files: who has sent them, which grids read them, and which are no longer needed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, func, select

from bptt.content import NamedContent
from bptt.errors import ContentNeeded, NotPossible
from bptt.library import Library, touch
from bptt.store.bulk import among
from bptt.store.clock import now
from bptt.store.database import Database
from bptt.store.numbering import lock_numbers
from bptt.store.tables import contents, grid_contents
from bptt.store.users import add_user

GRACE = 24 * 3600.0
"""Seconds for which an unread content is kept: somebody may be about to submit a grid for it."""


def sent_contents(database: Database, user: str, digests: Collection[str]) -> dict[str, int]:
    """Return the sizes, by hash, of those of these contents that a user has sent.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        return _sent(connection, user, digests)


def _sent(connection: Connection, user: str, digests: Collection[str]) -> dict[str, int]:
    found = connection.execute(
        select(contents.c.sha256, contents.c.size).where(
            contents.c.user_name == user, among(connection, "sha256", list(digests))
        )
    )
    return {row.sha256: row.size for row in found}


def bytes_sent(database: Database, user: str) -> int:
    """Return the total size in bytes of the stored contents that a user has sent.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        return _bytes(connection, user)


def _bytes(connection: Connection, user: str) -> int:
    total = select(func.coalesce(func.sum(contents.c.size), 0))
    return int(connection.execute(total.where(contents.c.user_name == user)).scalar_one())


def keep_content(
    database: Database,
    *,
    user: str,
    digest: str,
    size: int,
    quota: int,
    keep: Callable[[], object],
) -> None:
    """Record that a user has sent a content, and have its bytes stored at the same time.

    Args:
        database: the queue.
        user: who sent it; created if necessary.
        digest: its SHA-256.
        size: bytes.
        quota: bytes that all contents of a user may take in total; 0: any number.
        keep: puts the bytes in place; nobody removes them meanwhile.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotPossible: it would exceed the quota; nothing was stored.
    """
    with database.write() as connection:
        lock_numbers(connection)
        add_user(connection, user)
        known = digest in _sent(connection, user, [digest])
        if not known:
            refuse_beyond(quota, _bytes(connection, user), size, user)
            connection.execute(
                contents.insert().values(sha256=digest, user_name=user, size=size, sent_at=now())
            )
        keep()


def refuse_beyond(quota: int, held: int, size: int, user: str) -> None:
    """Return if a user may send this many more bytes.

    Raises:
        NotPossible: they would exceed the quota.
    """
    if quota and held + size > quota:
        raise NotPossible(
            f"The files of {user} would take {held + size:,} bytes together; the limit is "
            f"{quota:,}. Delete grids that read files you no longer need (a file is removed a day "
            "after the last of them), or ask for a higher BPTT_DATA_QUOTA_MB. Nothing was kept."
        )


def refer(
    connection: Connection,
    grid_id: str,
    user: str,
    files: Mapping[str, NamedContent],
    library: Library,
    already: Collection[str] = (),
) -> None:
    """Record, in the transaction that writes a grid, which contents its runs read.

    Args:
        connection: of that transaction, which holds the lock on numbers.
        grid_id: of the grid.
        user: who is asking; has sent whatever the grid does not `already` read.
        files: by the path in the grid's file.
        library: where the bytes must be.
        already: hashes that the grid reads, no matter who sent them.

    Raises:
        ContentNeeded: one has been removed since it was checked.
    """
    new = {named.sha256: named for named in files.values() if named.sha256 not in already}
    sent = _sent(connection, user, list(new)) if new else {}
    there = {d: library.find(d, sent[d]) for d in new if d in sent}
    if gone := [digest for digest in new if there.get(digest) is None]:
        raise ContentNeeded(hashes=gone)
    for digest, named in new.items():
        connection.execute(
            grid_contents.insert().values(grid_id=grid_id, sha256=digest, name=named.name)
        )
    for path in there.values():
        if path is not None:
            touch(path)


def as_document(files: Mapping[str, NamedContent]) -> dict[str, dict[str, Any]] | None:
    """Return files by path as a column stores them; None if there are none."""
    return {path: asdict(named) for path, named in files.items()} or None


def contents_of_grid(connection: Connection, grid_id: str) -> dict[str, str]:
    """Return the names of the files that the runs of a grid read, by hash."""
    found = connection.execute(
        select(grid_contents.c.sha256, grid_contents.c.name).where(
            grid_contents.c.grid_id == grid_id
        )
    )
    return {row.sha256: row.name for row in found}


def read_contents(database: Database) -> dict[str, str]:
    """Return the names of the files that runs of grids read, by the hash of their content.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        found = select(grid_contents.c.sha256, func.min(grid_contents.c.name).label("name"))
        rows = connection.execute(found.group_by(grid_contents.c.sha256)).all()
    return {row.sha256: row.name for row in rows}


def remove_unread(
    database: Database, library: Library, others: Callable[[], Collection[str]]
) -> Sequence[str]:
    """Remove contents that no grid reads and nobody has sent for a day; return their hashes.

    Args:
        database: the queue.
        library: of its home.
        others: returns the hashes that runs outside the queue read; called only if needed.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    if not (old := library.older_than(GRACE)):
        return []
    with database.write() as connection:
        lock_numbers(connection)
        read = connection.execute(
            select(grid_contents.c.sha256).where(among(connection, "sha256", old)).distinct()
        )
        unread = set(old) - set(read.scalars())
        unread -= set(others()) if unread else set()
        # one that was sent or submitted again meanwhile
        gone = sorted(unread & set(library.older_than(GRACE)))
        connection.execute(delete(contents).where(among(connection, "sha256", gone)))
        for digest in gone:
            library.remove(digest)
    return gone
