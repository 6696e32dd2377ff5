"""Which points of a grid were added to judge a choice, as the grid's history has it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from bptt.records.choices import MadeChoice
from bptt.store.database import Database
from bptt.store.tables import AnyRow, events, points

CHOSEN = "chosen"
"""The key of an event that says what was chosen; only extensions of chosen values have it."""


def choices_of_points(database: Database, grid_id: str) -> dict[str, tuple[MadeChoice, ...]]:
    """Return the choices that each point of a grid was added to judge, by the point's name.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.read() as connection:
        of_points = connection.execute(
            select(points.c.name, points.c.number, points.c.seed, points.c.configuration_id)
            .where(points.c.grid_id == grid_id)
            .order_by(points.c.number)
        ).all()
        history = connection.execute(
            select(events.c.kind, events.c.data)
            .where(events.c.grid_id == grid_id, events.c.kind.in_(("submitted", "extended")))
            .order_by(events.c.id)
        ).all()
    found: dict[str, list[MadeChoice]] = {row.name: [] for row in of_points}
    for choice, names in _choices(grid_id, of_points, [row.data for row in history]):
        for name in names:
            found[name].append(choice)
    return {name: tuple(choices) for name, choices in found.items()}


def _choices(
    grid_id: str, of_points: Sequence[AnyRow], history: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[MadeChoice, list[str]]]:
    """Yield each choice with the names of the points that judge it."""
    # points are numbered as they are added, so the history of all of them says which came when
    is_whole = sum(data.get("points", 0) for data in history) == len(of_points)
    fresh: set[int] = set()
    first = 0
    for data in history:
        after = first + data.get("points", 0)
        said = data.get(CHOSEN) or {}
        words = frozenset(said.values())
        if said and "tuned" in data:
            ids, seeds = set(data["configurations"]), set(data["seeds"])
            made = MadeChoice(
                grid_id, tuple(data["tuned"]), tuple(data["by"]), tuple(data["choosing"]), words
            )
            names = [
                row.name for row in of_points if row.configuration_id in ids and row.seed in seeds
            ]
            yield made, names
            fresh |= seeds
        elif said and is_whole:
            # of an earlier version: whatever was there and judged no choice may have had a say
            there = dict.fromkeys(row.seed for row in of_points[:first] if row.seed not in fresh)
            made = MadeChoice(grid_id, (), choosing=tuple(there), words=words)
            yield made, [row.name for row in of_points[first:after]]
            fresh |= {row.seed for row in of_points[first:after]}
        first = after
