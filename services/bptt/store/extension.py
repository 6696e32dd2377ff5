"""More points for a grid: further seeds, a new value of an axis."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, select, update

from bptt.content import NamedContent
from bptt.errors import GridNotFound, NotPossible
from bptt.library import Library
from bptt.records.grids import GridSource, Submitted
from bptt.store.bulk import uncollected
from bptt.store.choices import CHOSEN
from bptt.store.content import as_document, contents_of_grid, refer
from bptt.store.database import Database
from bptt.store.finding import take_grid
from bptt.store.history import record_event
from bptt.store.merging import Labelled, Merged, merge
from bptt.store.numbering import LARGE, Numbers, lock_numbers
from bptt.store.plan import ConfigurationContent, Plan, PlannedPoint, make_plan
from bptt.store.tables import AnyRow, configurations, grids, points
from bptt.store.writing import (
    Reused,
    find_finished,
    refuse_too_many,
    write_configurations,
    write_points,
)

if TYPE_CHECKING:
    from bptt.run_file import GridRequest


@dataclass(frozen=True)
class Only:
    """Some configurations of a grid, on some seeds."""

    values: Sequence[Mapping[str, Any]]
    """Of each configuration, on all axes of the grid but the seed."""
    seeds: Collection[int]
    chosen: Mapping[str, str]
    """What each configuration takes, in words, for the grid's history."""
    tuned: Sequence[str]
    """Paths of the axes whose values were chosen, likewise."""
    by: Sequence[str]
    """Paths of the axes that distinguished configurations, likewise."""
    choosing: Sequence[int]
    """Seeds that had a say, likewise."""


def grid_source(database: Database, grid_id: str) -> GridSource:
    """Return the text that a grid was read from.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is no such grid.
    """
    with database.read() as connection:
        row = connection.execute(
            select(grids.c.source, grids.c.filename, grids.c.overrides, grids.c.files).where(
                grids.c.id == grid_id
            )
        ).one_or_none()
    if row is None:
        raise GridNotFound(f"There is no grid {grid_id}.")
    files = {path: NamedContent(**named) for path, named in (row.files or {}).items()}
    return GridSource(row.source, row.filename, row.overrides, files)


@uncollected()
def extend_grid(
    database: Database,
    *,
    user: str,
    grid_id: str,
    request: "GridRequest",
    source: str,
    overrides: Sequence[str],
    library: Library | None = None,
    only: Only | None = None,
    dry_run: bool = False,
) -> Submitted:
    """Add to a grid the points of a request that it lacks; existing points stay as they are.

    Points are named after what they differ in; where the request varies more than the grid did,
    the names of the grid's points include their value of it from then on. A grid that had ended
    continues.

    Args:
        database: the queue.
        user: who is asking; the runs belong to the grid's user.
        grid_id: of the grid.
        request: points it should have; those it already has are skipped.
        source: the text of the request; it becomes the grid's own if it leaves nothing out.
        overrides: that were applied to it.
        library: where the contents are that the request reads; None if it reads no file.
        only: which of the points of the request; None: all of them.
        dry_run: whether to add nothing and return what would have been added; it is refused alike.

    Returns:
        What was added; `points` counts all that the grid now has.

    Raises:
        ContentNeeded: one of them has been removed since the request was made.
        DatabaseUnavailable: the database does not answer; nothing was added.
        GridNotFound: there is no such grid.
        NotPossible: the points could not be told apart, a plugin is not what it was, the request
            lacks a configuration that it should add, or the grid's user would have too many queued
            runs.
    """
    plan = make_plan(request)
    with database.write(statement_seconds=LARGE) as connection:
        numbers = lock_numbers(connection)
        grid = take_grid(connection, grid_id)
        if only is not None:
            plan = _only(connection, grid_id, plan, only)
        there = connection.execute(
            select(points.c.identity, points.c.seed, points.c.number)
            .where(points.c.grid_id == grid_id)
            .order_by(points.c.number)
        ).all()
        known = {row.identity for row in there}
        new = _lacking(plan, known)
        if not new:
            return _as_it_was(grid_id, grid)
        reused = find_finished(connection, new, plan.earlier)
        refuse_too_many(connection, grid.user_name, len(new) - len(reused))
        seeds = [row.seed for row in there] + [point.seed for point in new]
        merged = _merge(connection, grid_id, seeds, plan)
        if dry_run:
            return _would_be(grid_id, grid, len(new), reused)
        _rename(connection, merged)
        ids = _configuration_ids(connection, grid_id, numbers, merged, plan)
        first = there[-1].number + 1
        write_points(connection, grid_id, grid.user_name, numbers, new, first, ids, reused)
        values = {
            "points": grid.points + len(new),
            "reused": grid.reused + len(reused),
            "axes": merged.axes,
            # of before it was recorded if any of its points are
            "code": None if grid.code is None else {**grid.code, **plan.code},
            "ended_at": None if len(new) > len(reused) else grid.ended_at,
        }
        if library is not None:
            already = contents_of_grid(connection, grid_id)
            refer(connection, grid_id, user, request.files, library, already)
        if known <= {point.identity for point in plan.points}.union(plan.earlier.values()):
            values |= {"source": source, "overrides": list(overrides)}
            values |= {"files": as_document(request.files)}
        connection.execute(update(grids).where(grids.c.id == grid_id).values(**values))
        data: dict[str, Any] = {
            "points": len(new),
            "queued": len(new) - len(reused),
            "reused": len(reused),
        }
        data |= _choice(only, ids) if only else {}
        record_event(connection, "extended", grid_id=grid_id, actor=user, data=data)
    return _would_be(grid_id, grid, len(new), reused)


def _choice(only: Only, configuration_ids: Sequence[int]) -> dict[str, Any]:
    """Return what the history says of a choice: `choices` reads it."""
    return {
        CHOSEN: dict(only.chosen),
        "tuned": list(only.tuned),
        "by": list(only.by),
        "choosing": list(only.choosing),
        "seeds": list(only.seeds),
        "configurations": list(configuration_ids),
    }


def _would_be(grid_id: str, grid: AnyRow, new: int, reused: Mapping[str, Reused]) -> Submitted:
    return Submitted(
        grid_id=grid_id,
        name=grid.name,
        project=grid.project,
        points=grid.points + new,
        queued=new - len(reused),
        reused=dict(Counter(run.user for run in reused.values())),
    )


def _only(connection: Connection, grid_id: str, plan: Plan, only: Only) -> Plan:
    """Return the part of a plan that is asked for.

    Raises:
        NotPossible: the plan lacks a configuration of it.
    """
    rows = connection.execute(select(configurations).where(configurations.c.grid_id == grid_id))
    # whether their plugins are as they were is seen to when they are merged
    wanted = {row.spec for row in rows if row.axis_values in only.values}
    kept = [n for n, one in enumerate(plan.configurations) if one.content.spec in wanted]
    if lacking := len(wanted) - len({plan.configurations[number].content.spec for number in kept}):
        raise NotPossible(
            f"Grid {grid_id} cannot be extended by its own file: it lacks {lacking} of the "
            f"{len(wanted)} chosen configurations, which came from another file. Submit those as a "
            "grid of their own."
        )
    places = {number: place for place, number in enumerate(kept)}
    return replace(
        plan,
        configurations=[plan.configurations[number] for number in kept],
        points=[
            point._replace(configuration=places[point.configuration])
            for point in plan.points
            if point.configuration in places and point.seed in only.seeds
        ],
    )


def _lacking(plan: Plan, known: set[str]) -> list[PlannedPoint]:
    """Return the points that a grid lacks, under any name a version has given them."""
    return [
        point
        for point in plan.points
        if point.identity not in known and plan.earlier.get(point.identity) not in known
    ]


def _as_it_was(grid_id: str, grid: AnyRow) -> Submitted:
    return Submitted(
        grid_id=grid_id,
        name=grid.name,
        project=grid.project,
        points=grid.points,
        queued=0,
        reused={},
    )


def _merge(connection: Connection, grid_id: str, seeds: Sequence[int], plan: Plan) -> Merged:
    grid = connection.execute(select(grids.c.axes, grids.c.code).where(grids.c.id == grid_id)).one()
    old = [
        Labelled(row.id, _content(row), row.axis_values)
        for row in connection.execute(
            select(configurations).where(configurations.c.grid_id == grid_id)
        )
    ]
    return merge(grid_id, grid.axes, old, seeds, plan, grid.code)


def _content(row: AnyRow) -> ConfigurationContent:
    return ConfigurationContent(row.spec, json.dumps(row.plugins, sort_keys=True), row.data)


def _rename(connection: Connection, merged: Merged) -> None:
    if merged.renamed:
        connection.execute(
            update(configurations)
            .where(configurations.c.id == bindparam("this"))
            .values(axis_values=bindparam("values"), config=bindparam("words")),
            [
                {"this": number, "values": dict(one.axis_values), "words": one.config}
                for number, one in merged.renamed.items()
            ],
        )


def _configuration_ids(
    connection: Connection, grid_id: str, numbers: Numbers, merged: Merged, plan: Plan
) -> list[int]:
    """Write the configurations that the grid lacks; return the ids of all those of the plan."""
    write_configurations(connection, grid_id, numbers, merged.new)
    rows = connection.execute(select(configurations).where(configurations.c.grid_id == grid_id))
    ids = {_content(row): row.id for row in rows}
    return [ids[one.content] for one in plan.configurations]
