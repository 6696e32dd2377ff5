"""The rows of a grid that is submitted, extended or filled."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, text, update

from bptt.errors import NotPossible
from bptt.identifiers import run_id_of
from bptt.store.bulk import MANY, among, insert_many, learn
from bptt.store.clock import read_clock
from bptt.store.numbering import Numbers
from bptt.store.plan import Configuration, PlannedPoint
from bptt.store.tables import MOST_QUEUED, QUEUED, configurations, grids, points, runs, users


class Expected(NamedTuple):
    """A point of a grid whose configuration is written."""

    number: int
    configuration_id: int
    seed: int
    identity: str
    name: str


class Reused(NamedTuple):
    """A run that has succeeded, of any grid."""

    run_id: str
    user: str


class Replacement(NamedTuple):
    """A new run for a point that has none, or one that did not succeed."""

    point: Expected
    run_id: str
    retry_of: str | None


def find_finished(
    connection: Connection, points: Sequence[PlannedPoint], earlier: Mapping[str, str]
) -> dict[str, Reused]:
    """Return the newest succeeded run of each point that has one, by identity.

    Args:
        connection: of a transaction.
        points: whose runs are looked for, of any user and grid.
        earlier: the identities that earlier versions gave some of them, by identity.
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
    """Return if the user may have this many more runs in the queue.

    Raises:
        NotPossible: they would exceed the user's limit.
    """
    limits = connection.execute(select(users.c.max_queued).where(users.c.name == user)).scalars()
    # somebody who has never queued anything is not in the table yet
    most = next(iter(limits), MOST_QUEUED)
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
    rows = (
        {
            "id": number,
            "grid_id": grid_id,
            "axis_values": json.dumps(one.axis_values),
            "spec": one.content.spec,
            "plugins": one.content.plugins,
            "data": one.content.data,
            "config": one.config,
            "cost_key": one.cost_key,
            "steps": one.steps,
            "work": one.work,
        }
        for number, one in zip(ids, new, strict=True)
    )
    insert_many(connection, configurations, rows)
    return ids


def write_points(
    connection: Connection,
    grid_id: str,
    user: str,
    numbers: Numbers,
    new: Sequence[PlannedPoint],
    first: int,
    configuration_ids: Sequence[int],
    reused: Mapping[str, Reused],
) -> None:
    """Add points to a grid, and a queued run for each whose identity is not in `reused`.

    Args:
        connection: of a writing transaction.
        grid_id: of the grid.
        user: whose runs they are.
        numbers: where to continue counting.
        new: the points.
        first: number of the first of them in its grid.
        configuration_ids: of the configurations that the points count.
        reused: runs that have succeeded, by identity.
    """
    # made as they are written: a hundred thousand rows at once would keep the collector busy
    queued = (
        Replacement(
            Expected(
                number=number,
                configuration_id=configuration_ids[point.configuration],
                seed=point.seed,
                identity=point.identity,
                name=point.name,
            ),
            run_id=run_id_of(grid_id, number),
            retry_of=None,
        )
        for number, point in enumerate(new, first)
        if point.identity not in reused
    )
    _write_runs(connection, grid_id, user, numbers, queued)
    _point_at_runs(connection, grid_id, numbers)
    there = (
        {
            "run_id": run.run_id,
            "grid_id": grid_id,
            "number": number,
            "configuration_id": configuration_ids[point.configuration],
            "seed": point.seed,
            "identity": point.identity,
            "name": point.name,
        }
        for number, point in enumerate(new, first)
        if (run := reused.get(point.identity)) is not None
    )
    insert_many(connection, points, there)
    if len(new) >= MANY:
        learn(connection, points)


def _point_at_runs(connection: Connection, grid_id: str, numbers: Numbers) -> None:
    """Add a point for each run of a grid that has just been written."""
    shared = ("grid_id", "number", "configuration_id", "seed", "identity", "name")
    new = select(runs.c.id, *(runs.c[name] for name in shared)).where(
        runs.c.grid_id == grid_id, runs.c.seq >= numbers.run
    )
    connection.execute(insert(points).from_select(["run_id", *shared], new))


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
    rows = (
        {
            "id": run.run_id,
            "seq": seq,
            "grid_id": grid_id,
            "number": run.point.number,
            "configuration_id": run.point.configuration_id,
            "seed": run.point.seed,
            "identity": run.point.identity,
            "name": run.point.name,
            "user_name": user,
            "status": "queued",
            "retry_of": run.retry_of,
            "created_at": at,
        }
        for seq, run in enumerate(new, numbers.run)
    )
    insert_many(connection, runs, rows)
