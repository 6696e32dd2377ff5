"""The history: one event per change of a status, written in the transaction that changes it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from bptt.store.clock import now
from bptt.store.tables import events


def record_event(
    connection: Connection,
    kind: str,
    *,
    grid_id: str,
    actor: str,
    run_id: str | None = None,
    attempt: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry to the history.

    Args:
        connection: of the transaction that does what the entry describes.
        kind: the new status where a run's status changes; otherwise a word of its own, such as
            `cancel_requested`.
        grid_id: the grid of the run, or the grid itself.
        actor: a user, a worker's id, or `reaper`.
        run_id: None if the entry is about the grid as a whole.
        attempt: which attempt of the run, where it matters.
        data: what else a reader may ask for.
    """
    entry = {"at": now(), "kind": kind, "grid_id": grid_id, "actor": actor}
    entry |= {"run_id": run_id, "attempt": attempt, "data": dict(data or {})}
    connection.execute(insert(events).values(**entry))
