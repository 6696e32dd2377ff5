"""Changing the status of many waiting runs at once, with an event each."""

from sqlalchemy import Connection, text

from bptt.lifecycle import TERMINAL, WAITING, Status, sources
from bptt.store.clock import NOW

EVENTS = "INSERT INTO events (at, grid_id, run_id, kind, actor, data)"


def move_waiting(
    connection: Connection,
    grid_id: str,
    after: Status,
    *,
    actor: str,
) -> int:
    """Change the status of all waiting runs of a grid that may; the caller has locked the grid.

    A run that is claimed at the same moment is left alone.

    Args:
        connection: of a writing transaction.
        grid_id: whose runs.
        after: what they become.
        actor: who does it.

    Returns:
        How many there were.
    """
    moment = NOW[connection.dialect.name]
    among = ", ".join(repr(status) for status in sources(after, *WAITING))
    which = f"grid_id = :grid_id AND status IN ({among})"
    update = (
        "UPDATE runs SET status = :after, reason = NULL, finished_at = "
        f"{moment if after in TERMINAL else 'NULL'} WHERE {which}"
    )
    event = f"SELECT {moment}, :grid_id, id, :after, :actor, '{{}}'"
    given = {"grid_id": grid_id, "after": after, "actor": actor}
    if connection.dialect.name == "postgresql":
        # one statement: between two, some of the runs could be claimed
        moved = f"WITH moved AS ({update} RETURNING id) {EVENTS} {event} FROM moved"
        return connection.execute(text(moved), given).rowcount
    connection.execute(text(f"{EVENTS} {event} FROM runs WHERE {which}"), given)
    return connection.execute(text(update), given).rowcount
