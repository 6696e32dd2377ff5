"""Removing one run, and never a result that another grid relies on."""

from sqlalchemy import Connection, delete, select, update

from bptt.errors import NotPossible
from bptt.lifecycle import is_terminal
from bptt.store.database import Database
from bptt.store.finding import take_run
from bptt.store.grid_state import end_if_over, open_gate
from bptt.store.history import record_event
from bptt.store.numbering import lock_numbers
from bptt.store.tables import AnyRow, events, grids, points, runs

NAMED = 5
"""Grids that a message names."""
DELETED = "deleted"
"""The event that a deletion leaves, with the deleted run."""


def delete_run(database: Database, run_id: str, actor: str) -> list[str]:
    """Remove a run, those it repeats, and their history; the point stays, without a run.

    `fill_grid` queues a new run for the point, under an id that no run has had before.

    Returns:
        The ids of the removed runs, whose folders can be deleted.

    Raises:
        DatabaseUnavailable: the database does not answer; nothing was removed.
        NotPossible: it is running, was repeated, or serves points of other grids.
        RunNotFound: there is no such run.
    """
    with database.write() as connection:
        lock_numbers(connection)
        run = take_run(connection, run_id)
        _refuse(connection, run)
        open_gate(connection, run.grid_id, run_id, actor)
        of_point = (runs.c.grid_id == run.grid_id) & (runs.c.number == run.number)
        ids = list(connection.execute(select(runs.c.id).where(of_point)).scalars())
        connection.execute(
            update(points)
            .where(points.c.grid_id == run.grid_id, points.c.number == run.number)
            .values(run_id=None)
        )
        connection.execute(delete(events).where(events.c.run_id.in_(ids)))
        connection.execute(delete(runs).where(runs.c.id.in_(ids)))
        # the one that served the point last, so that the next one's id follows it
        for gone in sorted(ids, key=lambda one: one == run_id):
            data = {"number": run.number}
            record_event(
                connection, DELETED, grid_id=run.grid_id, actor=actor, run_id=gone, data=data
            )
        if not is_terminal(run.status):
            end_if_over(connection, run.grid_id, actor)
    return ids


def last_deleted(connection: Connection, grid_id: str) -> dict[int, str]:
    """Return, by point number, the last run of a grid's points that `delete_run` removed."""
    deletions = (
        select(events.c.data, events.c.run_id)
        .where(events.c.grid_id == grid_id, events.c.kind == DELETED, events.c.run_id.is_not(None))
        .order_by(events.c.id)
    )
    return {int(row.data["number"]): str(row.run_id) for row in connection.execute(deletions)}


def _refuse(connection: Connection, run: AnyRow) -> None:
    if run.status == "running":
        raise NotPossible(f"Run {run.id} is running. Stop it first: bptt cancel {run.id}")
    if not run.is_current:
        later = connection.execute(
            select(runs.c.id).where(
                runs.c.grid_id == run.grid_id, runs.c.number == run.number, runs.c.is_current
            )
        ).scalar()
        raise NotPossible(
            f"Run {run.id} was repeated, as {later}, and goes with that: bptt delete {later}"
        )
    others = connection.execute(
        select(grids.c.id, grids.c.name, grids.c.user_name)
        .join(points, points.c.grid_id == grids.c.id)
        .where(points.c.run_id == run.id, grids.c.id != run.grid_id)
        .order_by(grids.c.seq)
        .limit(NAMED + 1)
    ).all()
    if others:
        named = [f"{one.user_name}/{one.name} ({one.id})" for one in others[:NAMED]]
        named += ["..."] * (len(others) > NAMED)
        raise NotPossible(
            f"Run {run.id} is the result of points of other grids too, and stays: "
            f"{', '.join(named)}. Delete these first."
        )
