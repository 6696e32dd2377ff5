"""Grids as people see them: what was requested, and how far it is."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select, text

from bptt.errors import GridNotFound
from bptt.lifecycle import STATUSES, Status
from bptt.records.grids import Grid
from bptt.store.bulk import among
from bptt.store.database import Database
from bptt.store.tables import AnyRow, configurations, grids, points, runs

# not its text and axes, which may be long
LISTED = [c for c in grids.c if c.name not in ("source", "overrides", "axes")]


def list_grids(database: Database, user: str | None = None, limit: int = 50) -> list[Grid]:
    """Return the newest grids, the newest first.

    Args:
        database: the queue.
        user: only those of this user.
        limit: how many at most.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    newest = select(*LISTED).order_by(grids.c.seq.desc()).limit(limit)
    if user is not None:
        newest = newest.where(grids.c.user_name == user)
    return _read(database, newest)


def get_grid(database: Database, grid_id: str) -> Grid:
    """Return one grid.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
    """
    found = _read(database, select(*LISTED).where(grids.c.id == grid_id))
    if not found:
        raise GridNotFound(f"There is no grid {grid_id}.")
    return found[0]


def grid_axes(database: Database, grid_id: str) -> Sequence[Mapping[str, Any]]:
    """Return what the points of a grid differ in: path, values and within of each axis.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
    """
    with database.read() as connection:
        row = connection.execute(select(grids.c.axes).where(grids.c.id == grid_id)).one_or_none()
    if row is None:
        raise GridNotFound(f"There is no grid {grid_id}.")
    axes: Sequence[Mapping[str, Any]] = row.axes
    return axes


def first_spec(database: Database, grid_id: str) -> dict[str, Any]:
    """Return the spec of a grid's first points; what no axis varies is that of all.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
    """
    first = (
        select(configurations.c.spec)
        .where(configurations.c.grid_id == grid_id)
        .order_by(configurations.c.id)
        .limit(1)
    )
    with database.read() as connection:
        row = connection.execute(first).one_or_none()
    if row is None:
        raise GridNotFound(f"There is no grid {grid_id}.")
    spec: dict[str, Any] = json.loads(row.spec)
    return spec


def _read(database: Database, which: Select[Any]) -> list[Grid]:
    with database.read() as connection:
        rows = connection.execute(which).all()
        own = _count_own(connection, [row.id for row in rows])
        reused = _count_diverged(connection, {row.id for row in rows if row.reused})
    return [_as_record(row, own[row.id], reused[row.id]) for row in rows]


Counts = Counter[tuple[Status, str | None]]
"""How many points have a run of this status and outcome."""


def _count_own(connection: Connection, grid_ids: Sequence[str]) -> Mapping[str, Counts]:
    """Count the points whose run is their grid's own, using only an index."""
    grouped = (runs.c.grid_id, runs.c.status, runs.c.outcome)
    counts: defaultdict[str, Counts] = defaultdict(Counter)
    for row in connection.execute(
        select(*grouped, func.count().label("points"))
        .where(runs.c.grid_id.in_(grid_ids), text("is_current"))
        .group_by(*grouped)
    ):
        counts[row.grid_id][row.status, row.outcome] += row.points
    return counts


def _count_diverged(connection: Connection, grid_ids: Collection[str]) -> Counter[str]:
    """Count the points of grids that refer to a run of another grid which diverged."""
    if not grid_ids:
        return Counter()
    # by way of the runs that diverged, which are few, and not of all points
    made_for = {
        row.id: row.grid_id
        for row in connection.execute(
            select(runs.c.id, runs.c.grid_id).where(
                text("is_current"), runs.c.status == "succeeded", runs.c.outcome == "diverged"
            )
        )
    }
    if not made_for:
        return Counter()
    rows = connection.execute(
        select(points.c.grid_id, points.c.run_id).where(among(connection, "run_id", [*made_for]))
    )
    return Counter(
        row.grid_id
        for row in rows
        if row.grid_id in grid_ids and row.grid_id != made_for[row.run_id]
    )


def _as_record(row: AnyRow, own: Counts, reused_diverged: int) -> Grid:
    # what is reused has succeeded, and stays so
    by_status: Counter[Status] = Counter({"succeeded": row.reused})
    for (status, _), number in own.items():
        by_status[status] += number
    return Grid(
        grid_id=row.id,
        name=row.name,
        project=row.project,
        user=row.user_name,
        created_at=row.created_at,
        points=row.points,
        counts={status: by_status[status] for status in STATUSES if by_status[status]},
        missing=row.points - by_status.total(),
        reused=row.reused,
        diverged=own["succeeded", "diverged"] + reused_diverged,
        priority=row.priority,
        urgency=row.urgency,
        held_reason=row.held_reason,
        ended_at=row.ended_at,
    )
