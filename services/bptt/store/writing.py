"""The rows of a grid that is submitted, extended or filled."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, text, update

from bptt.errors import NotPossible
from bptt.store.bulk import MANY, among, insert_many, learn
from bptt.store.clock import read_clock
from bptt.store.numbering import Numbers
from bptt.store.plan import Configuration, Point
from bptt.store.tables import QUEUED, configurations, grids, points, runs, users


class Expected(NamedTuple):
    """A point of a grid whose configuration is written."""

    number: int
    configuration_id: int
    seed: int
    identity: str
    name: str


class Reused(NamedTuple):
    """A run that has succeeded, of whatever grid."""

    run_id: str
    user: str


class Replacement(NamedTuple):
    """A new run for a point that has none, or one that did not succeed."""

    point: Expected
    run_id: str
    retry_of: str | None


def find_finished(
    connection: Connection, points: Sequence[Point], earlier: Mapping[str, str]
) -> dict[str, Reused]:
    """Return the newest succeeded run of each point that has one, by identity.

    Args:
        connection: of a transaction.
        points: whose runs are looked for, of any user and grid.
        earlier: what earlier versions called some of them, by identity.
    """
    now_called = {earlier[p.identity]: p.identity for p in points if p.identity in earlier}
    identities = [*now_called, *(point.identity for point in points)]
    found = connection.execute(
        select(runs.c.identity, runs.c.id, runs.c.user_name)
        .where(among(connection, "identity", identities), runs.c.status == "succeeded")
        .order_by(runs.c.seq)
    )
    return {
        now_called.get(row.identity, row.identity): Reused(row.id, row.user_name) for row in found
    }


def refuse_too_many(connection: Connection, user: str, new: int) -> None:
    """Return if the user may have so many more runs in the queue.

    Raises:
        NotPossible: they would be more than the user's limit.
    """
    most = connection.execute(select(users.c.max_queued).where(users.c.name == user)).scalar_one()
    live = select(grids.c.id).where(grids.c.user_name == user, text("ended_at IS NULL"))
    queued = connection.execute(
        select(func.count()).select_from(runs).where(runs.c.grid_id.in_(live), text(QUEUED))
    ).scalar_one()
    if queued + new > most:
        raise NotPossible(
            f"{user} has {queued:,} of at most {most:,} queued runs, and these are {new:,} more. "
            "Wait, cancel some, or ask for a higher limit; nothing was queued."
        )


def write_configurations(
    connection: Connection, grid_id: str, numbers: Numbers, new: Sequence[Configuration]
) -> list[int]:
    """Add configurations to a grid and return their ids."""
    ids = [numbers.configuration + position for position in range(len(new))]
    columns = ["id", "grid_id", "axis_values", "spec", "plugins", "data"]
    columns += ["config", "cost_key", "steps", "work"]
    rows = (
        (number, grid_id, json.dumps(one.axis_values), *one.content, *one[2:])
        for number, one in zip(ids, new, strict=True)
    )
    insert_many(connection, configurations, columns, rows)
    return ids


def write_points(
    connection: Connection,
    grid_id: str,
    user: str,
    numbers: Numbers,
    new: Sequence[Point],
    first: int,
    configuration_ids: Sequence[int],
    reused: Mapping[str, Reused],
) -> None:
    """Add points to a grid, and a queued run for each whose identity is not in `reused`.

    Args:
        connection: of a writing transaction.
        grid_id: of the grid.
        user: whose runs they are.
        numbers: where to go on counting.
        new: the points.
        first: number of the first of them in its grid.
        configuration_ids: of the configurations that the points count.
        reused: runs that have succeeded, by identity.
    """
    # made when they are written: a hundred thousand rows at once would keep the collector busy
    expected = (
        Expected(number, configuration_ids[point.configuration], *point[1:])
        for number, point in enumerate(new, first)
        if point.identity not in reused
    )
    queued = (Replacement(point, f"{grid_id}-{point.number}", None) for point in expected)
    _write_runs(connection, grid_id, user, numbers, queued)
    columns = ["run_id", "grid_id", "number", "configuration_id", "seed", "identity", "name"]
    of_run = [runs.c.id if name == "run_id" else runs.c[name] for name in columns]
    here = select(*of_run).where(runs.c.grid_id == grid_id, runs.c.seq >= numbers.run)
    connection.execute(insert(points).from_select(columns, here))
    there = (
        (run.run_id, grid_id, number, configuration_ids[point.configuration], *point[1:])
        for number, point in enumerate(new, first)
        if (run := reused.get(point.identity)) is not None
    )
    insert_many(connection, points, columns, there)
    if len(new) >= MANY:
        learn(connection, points)


def write_replacements(
    connection: Connection, grid_id: str, user: str, numbers: Numbers, new: Sequence[Replacement]
) -> None:
    """Queue a new run for points of a grid, which from now on refer to that one."""
    replaced = [run.retry_of for run in new if run.retry_of is not None]
    connection.execute(
        update(runs).where(among(connection, "id", replaced)).values(is_current=False)
    )
    _write_runs(connection, grid_id, user, numbers, new)
    connection.execute(
        update(points)
        .where(points.c.grid_id == grid_id, points.c.number == runs.c.number)
        .where(runs.c.grid_id == grid_id, among(connection, "runs.id", [r.run_id for r in new]))
        .values(run_id=runs.c.id)
    )


def _write_runs(
    connection: Connection,
    grid_id: str,
    user: str,
    numbers: Numbers,
    new: Iterable[Replacement],
) -> None:
    at = read_clock(connection)
    columns = ["number", "configuration_id", "seed", "identity", "name", "id", "retry_of"]
    columns += ["seq", "grid_id", "user_name", "status", "created_at"]
    rows = (
        (*run.point, run.run_id, run.retry_of, seq, grid_id, user, "queued", at)
        for seq, run in enumerate(new, numbers.run)
    )
    insert_many(connection, runs, columns, rows)
