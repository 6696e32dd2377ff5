"""Queueing a grid: all of it, or nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select

from bptt.identifiers import run_id_of
from bptt.library import Library
from bptt.records.grids import Submitted
from bptt.store.bulk import uncollected
from bptt.store.clock import now
from bptt.store.content import as_document, refer
from bptt.store.database import Database
from bptt.store.grid_state import end_if_over
from bptt.store.history import record_event
from bptt.store.numbering import LARGE, lock_numbers, new_grid_id
from bptt.store.plan import Plan, make_plan
from bptt.store.tables import AnyRow, grids
from bptt.store.users import add_user
from bptt.store.writing import (
    Reused,
    find_finished,
    refuse_too_many,
    write_configurations,
    write_points,
)

if TYPE_CHECKING:
    from bptt.run_file import GridRequest


@uncollected()
def submit_grid(
    database: Database,
    *,
    user: str,
    request: "GridRequest",
    source: str,
    filename: str,
    overrides: Sequence[str],
    force: bool = False,
    hold: bool = False,
    priority: int = 0,
    urgency: int = 1,
    library: Library | None = None,
) -> Submitted:
    """Queue a run for every point of a grid that has no result yet.

    A point with the identity of a run that has succeeded, no matter who ran it, refers to that run.
    If the user already has a grid with the same name, project and points in the queue, that one is
    returned and nothing is written, even if both are submitted at the same moment.

    Args:
        database: the queue.
        user: the owner of the new grid; created if necessary.
        request: the grid.
        source: the text it was read from, which `extend_grid` starts from.
        filename: of that text.
        overrides: that were applied to it.
        force: repeat what has already been run, and queue again what is already in the queue.
        hold: let none of its runs start before somebody releases the grid.
        priority: among the grids of this user; higher is earlier.
        urgency: class among all users: 0 low, 1 normal, 2 urgent.
        library: where the contents are that the request reads; None if it reads no file.

    Raises:
        ContentNeeded: one of them has been removed since the request was made.
        DatabaseUnavailable: the database does not answer. Nothing was queued, unless it failed
            during the commit; in that case the same call returns the grid.
        NotPossible: the user would have too many queued runs.
    """
    plan = make_plan(request)
    key = plan.key
    with database.write(statement_seconds=LARGE) as connection:
        numbers = lock_numbers(connection)
        existing = _find_live(connection, user, key)
        if existing is not None and not force:
            return _existing(existing)
        add_user(connection, user)
        reused = {} if force else find_finished(connection, plan.points, plan.earlier)
        new = len(plan.points) - len(reused)
        refuse_too_many(connection, user, new)
        grid_id = new_grid_id(connection)
        connection.execute(
            insert(grids).values(
                seq=numbers.grid,
                user_name=user,
                live_key=key if existing is None else None,
                source=source,
                filename=filename,
                overrides=list(overrides),
                files=as_document(request.files),
                priority=priority,
                urgency=urgency,
                held_reason=f"held at submission by {user}" if hold else None,
                created_at=now(),
                **_planned(plan, grid_id, set(reused)),
            )
        )
        if library is not None:
            refer(connection, grid_id, user, request.files, library)
        ids = write_configurations(connection, grid_id, numbers, plan.configurations)
        write_points(connection, grid_id, user, numbers, plan.points, 0, ids, reused)
        data = {"points": len(plan.points), "queued": new, "reused": len(reused)}
        data |= {"held": hold, "force": force}
        record_event(connection, "submitted", grid_id=grid_id, actor=user, data=data)
        end_if_over(connection, grid_id, user)
    return _outcome(grid_id, plan, new, reused)


def foresee_submission(
    database: Database, user: str, request: "GridRequest", force: bool = False
) -> Submitted:
    """Return what `submit_grid` would do with these now; nothing is written.

    The id is that of the user's grid which is in the queue already, or empty.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotPossible: the user would have too many queued runs.
    """
    plan = make_plan(request)
    with database.read() as connection:
        existing = _find_live(connection, user, plan.key)
        if existing is not None and not force:
            return _existing(existing)
        reused = {} if force else find_finished(connection, plan.points, plan.earlier)
        new = len(plan.points) - len(reused)
        refuse_too_many(connection, user, new)
    return _outcome("", plan, new, reused)


def _find_live(connection: Connection, user: str, key: str) -> AnyRow | None:
    """Return the user's grid of this content, if it has not ended."""
    row: AnyRow | None = connection.execute(
        select(grids.c.id, grids.c.name, grids.c.project, grids.c.points).where(
            grids.c.user_name == user, grids.c.live_key == key
        )
    ).one_or_none()
    return row


def _outcome(grid_id: str, plan: Plan, new: int, reused: Mapping[str, Reused]) -> Submitted:
    return Submitted(
        grid_id=grid_id,
        name=plan.name,
        project=plan.project,
        points=len(plan.points),
        queued=new,
        reused=dict(Counter(run.user for run in reused.values())),
    )


def _existing(grid: AnyRow) -> Submitted:
    return Submitted(
        grid_id=grid.id,
        name=grid.name,
        project=grid.project,
        points=grid.points,
        queued=0,
        reused={},
        existing=True,
    )


def _planned(plan: Plan, grid_id: str, reused: set[str]) -> dict[str, Any]:
    """Return the columns of a new grid that its points decide."""
    numbers = (n for n, point in enumerate(plan.points) if point.identity not in reused)
    several = len(plan.points) - len(reused) > 1
    return {
        "id": grid_id,
        "name": plan.name,
        "project": plan.project,
        "axes": plan.axes,
        "code": dict(plan.code),
        "points": len(plan.points),
        "reused": len(reused),
        "canary_run_id": run_id_of(grid_id, next(numbers)) if several else None,
    }
