"""From what a person types to one grid or run.

A grid is referred to by its id, its name, or `user/name`; a bare name means one's own newest grid
of that name, and somebody else's only if one has none. A point of a grid is referred to by grid and
number: `z6yn7-0` by the grid's id, or `latch/0`, `ada/latch/0`; it means the run that serves it.
For reading, a unique prefix of an id will do as well; changing something requires an unambiguous
text.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, select

from bptt.bounds import MOST
from bptt.errors import GridNotFound, NotPossible, RunNotFound, quoted
from bptt.identifiers import ALPHABET
from bptt.records.naming import Found, FoundKind
from bptt.store.database import Database
from bptt.store.numbering import ID_LENGTH
from bptt.store.tables import AnyRow, grids, points, runs

NAMED = 5
"""Ids that a message names."""
How = Literal["id", "name", "beginning"]
POINT = re.compile(r"(?P<grid>.+?)(?P<by>[-/])(?P<number>-?[0-9]+)")
"""Of any number of digits, so that a wrong one can be answered with the valid range."""
LIKE_A_RUN = re.compile(rf"[{ALPHABET}]{{{ID_LENGTH}}}-.*")
BEGINS_A_RUN = re.compile(rf"[{ALPHABET}]{{1,{ID_LENGTH}}}(-[0-9r]*)?")


@dataclass(frozen=True, kw_only=True)
class Meaning(Found):
    """The one grid or run that a text refers to."""

    how: How
    """How it was referred to; a point counts as a name."""


def find(
    database: Database,
    text: str,
    *,
    kind: FoundKind | None = None,
    asker: str | None = None,
    change: bool = False,
) -> Meaning:
    """Return the grid or run that a text refers to.

    A full id takes precedence over a name, and a name over a prefix of an id.

    Args:
        database: the queue.
        text: an id, a name, a point, or a prefix of an id.
        kind: what it must be; None: either.
        asker: whose names take precedence.
        change: it is to be changed, so the text must be unambiguous.

    Raises:
        DatabaseUnavailable: the database does not answer.
        GridNotFound: there is none, or several could be meant.
        NotPossible: it is to be changed, and is a point that a run of another grid serves, or
            could be a grid as well as a run.
        RunNotFound: there is none, or several could be meant.
    """
    is_point = POINT.fullmatch(text) is not None
    kinds: list[FoundKind] = ["grid", "run"]
    if is_point or LIKE_A_RUN.fullmatch(text):
        kinds.reverse()
    found: list[Meaning] = []
    first: GridNotFound | RunNotFound | None = None
    for candidate in kinds if kind is None else [kind]:
        look = _find_grid if candidate == "grid" else _find_run
        try:
            found.append(look(database, text, asker, change))
        except (GridNotFound, RunNotFound) as error:
            first = first or error
        if found and not (change and is_point and found[0].how == "name"):
            return found[0]
    if not found:
        assert first is not None
        raise first
    if len(found) > 1:
        run, grid = found
        raise NotPossible(
            f"{quoted(text)} can be the run {run.id} as well as the grid {grid.user}/{grid.name} "
            f"({grid.id}). Give the id of the one you mean; nothing was changed."
        )
    return found[0]


def _find_grid(database: Database, text: str, asker: str | None, change: bool) -> Meaning:
    """Return the grid that a text refers to, or raise GridNotFound."""
    with database.read() as connection:
        # what cannot be printed cannot be sent to PostgreSQL either
        if text.isprintable() and text:
            if meant := _called(connection, text, asker, change):
                return meant
            begins = func.substr(grids.c.id, 1, len(text)) == text
            rows = connection.execute(_newest().where(begins)).all()
            if len(rows) == 1 and not change:
                return _grid(rows[0], "beginning", asker)
            if rows:
                several = f"the beginning of {'several grids' if len(rows) > 1 else 'a grid'}"
                what = "To change one, give its whole id." if change else "Give one more letter."
                raise GridNotFound(f"{quoted(text)} is {several}: {_names(rows)}. {what}")
        rows = connection.execute(_newest()).all()
    if not rows:
        raise GridNotFound(
            f"No grid {quoted(text)}: none has been submitted yet (bptt submit FILE)."
        )
    raise GridNotFound(f"No grid has the id or name {quoted(text)}. The latest are {_names(rows)}.")


def _find_run(database: Database, text: str, asker: str | None, change: bool) -> Meaning:
    """Return the run of this id, or the one that serves this point.

    Raises RunNotFound, GridNotFound if the point's grid is ambiguous, NotPossible if the run is to
    be changed and belongs to another grid.
    """
    why = ""
    with database.read() as connection:
        if text.isprintable() and text:
            if row := connection.execute(_of_runs().where(runs.c.id == text)).first():
                return _run(row, "id", asker)
            if point := POINT.fullmatch(text):
                id_only = point["by"] == "-"
                if grid := _called(connection, point["grid"], asker, change, id_only):
                    served, why = _served(connection, text, grid, _number(point["number"]), asker)
                    if served is not None:
                        if change and served.note:
                            raise NotPossible(_foreign(served))
                        return served
            rows: Sequence[AnyRow] = []
            if not why and BEGINS_A_RUN.fullmatch(text):
                begins = func.substr(runs.c.id, 1, len(text)) == text
                rows = connection.execute(_of_runs().where(begins).limit(NAMED + 1)).all()
            if len(rows) == 1 and not change:
                return _run(rows[0], "beginning", asker)
            if rows:
                ids = [row.run_id for row in rows[:NAMED]] + ["..."] * (len(rows) > NAMED)
                several = f"the beginning of {'several runs' if len(rows) > 1 else 'a run'}"
                raise RunNotFound(
                    f"{quoted(text)} is {several}: {', '.join(ids)}. Give the whole id."
                )
    why = why or "Runs are called like abcde-0, or latch/0; list them: bptt runs GRID"
    raise RunNotFound(f"No run has the id {quoted(text)}. {why}")


def _called(
    connection: Connection, text: str, asker: str | None, change: bool, id_only: bool = False
) -> Meaning | None:
    """Return the grid that has this id or name; None if there is none."""
    if row := connection.execute(_newest().where(grids.c.id == text)).first():
        return _grid(row, "id", asker)
    if id_only:
        return None
    user, _, name = text.rpartition("/")
    named: list[tuple[str, Any]] = [
        ("of yours", (grids.c.name == text) & (grids.c.user_name == asker)),
        (f"of {user}", (grids.c.name == name) & (grids.c.user_name == user)),
        ("there are", grids.c.name == text),
    ]
    for whose, condition in named:
        rows = connection.execute(_newest().where(condition)).all()
        if change and len(rows) > 1:
            raise GridNotFound(
                f"{quoted(text)} fits several grids {whose}: {_described(rows)}. "
                "Give the id of the one you mean; nothing was changed."
            )
        if rows:
            return _grid(rows[0], "name", asker)
    return None


def _number(text: str) -> int:
    """Return the number of a point; -1, which no point has, if it is not written canonically."""
    # no list writes 01, and it may be a typo for 10
    plain = len(text) <= 10 and text == str(int(text))
    return int(text) if plain else -1


def _served(
    connection: Connection, text: str, grid: Meaning, number: int, asker: str | None
) -> tuple[Meaning | None, str]:
    """Return the run that serves a point of a grid, or why there is none."""
    of_point = select(points.c.run_id).where(points.c.grid_id == grid.id, points.c.number == number)
    point = connection.execute(of_point).one_or_none() if 0 <= number <= MOST else None
    title = f"{grid.user}/{grid.name} ({grid.id})"
    if point is None:
        last = select(func.max(points.c.number)).where(points.c.grid_id == grid.id)
        highest = connection.execute(last).scalar()
        return (
            None,
            f"The points of the grid {title} are numbered 0 to {highest}: bptt runs {grid.id}",
        )
    if point.run_id is None:
        return None, (
            f"Its run was deleted, the point of the grid {title} is still there. "
            f"To run it again: bptt fill {grid.id}"
        )
    row = connection.execute(_of_runs().where(runs.c.id == point.run_id)).one()
    note = None
    if row.id != grid.id:
        whose = f"{row.user_name}'s grid {row.name} ({row.id})"
        note = f"{text} is served by run {row.run_id} of {whose}"
    return _run(row, "name", asker, note), ""


def _foreign(served: Meaning) -> str:
    return (
        f"{served.note}: to change it would change that grid, so nothing was done. "
        f"If that is what you want, give the id of the run: {served.id}"
    )


def _newest() -> Select[Any]:
    columns = [grids.c[name] for name in ("id", "name", "user_name", "points", "created_at")]
    return select(*columns).order_by(grids.c.seq.desc()).limit(NAMED + 1)


def _of_runs() -> Select[Any]:
    columns = [runs.c.id.label("run_id"), grids.c.id, grids.c.name, grids.c.user_name]
    return select(*columns).join_from(runs, grids, grids.c.id == runs.c.grid_id)


def _grid(row: AnyRow, how: How, asker: str | None) -> Meaning:
    return Meaning(
        kind="grid",
        id=row.id,
        grid_id=row.id,
        name=row.name,
        user=row.user_name,
        is_own=row.user_name == asker,
        how=how,
    )


def _run(row: AnyRow, how: How, asker: str | None, note: str | None = None) -> Meaning:
    return Meaning(
        kind="run",
        id=row.run_id,
        grid_id=row.id,
        name=row.name,
        user=row.user_name,
        is_own=row.user_name == asker,
        note=note,
        how=how,
    )


def _names(rows: Sequence[AnyRow]) -> str:
    named = [f"{row.id} ({row.name})" for row in rows[:NAMED]]
    return ", ".join(named + ["..."] * (len(rows) > NAMED))


def _described(rows: Sequence[AnyRow]) -> str:
    described = []
    for row in rows[:NAMED]:
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(row.created_at))
        described.append(f"{row.id} ({row.user_name}, {row.points:,} points, {at})")
    return ", ".join(described + ["..."] * (len(rows) > NAMED))
