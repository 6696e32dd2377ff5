"""Numbers that are assigned once, to grids, runs and configurations, and the ids of grids."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from bptt.identifiers import random_letters
from bptt.store.tables import configurations, events, grids, runs

ID_LENGTH = 5
LARGE = 300.0
"""Seconds that a statement about all runs of a grid may take."""
SUBMISSIONS = (72, 2)
PATIENCE = 120.0
"""Seconds that a submission waits for others."""


@dataclass(frozen=True)
class Numbers:
    """The next free numbers."""

    grid: int
    run: int
    configuration: int


def lock_numbers(connection: Connection) -> Numbers:
    """Let no other transaction add or remove grids and runs until this one ends.

    It is taken before every other lock, so numbers are in the order of submission, and two
    submissions of the same grid see each other.
    """
    if connection.dialect.name == "postgresql":
        # a submission of 100,000 runs takes longer than others usually have to wait
        connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE:g}s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock{SUBMISSIONS}"))
    last = connection.execute(
        select(
            select(func.max(grids.c.seq)).scalar_subquery().label("grid"),
            select(func.max(runs.c.seq)).scalar_subquery().label("run"),
            select(func.max(configurations.c.id)).scalar_subquery().label("configuration"),
        )
    ).one()
    return Numbers((last.grid or 0) + 1, (last.run or 0) + 1, (last.configuration or 0) + 1)


def new_grid_id(connection: Connection) -> str:
    """Return an id that no grid has or ever had, because folders and histories outlive a grid."""
    while True:
        grid_id = random_letters(ID_LENGTH)
        taken = connection.execute(
            select(grids.c.id)
            .where(grids.c.id == grid_id)
            .union_all(select(events.c.grid_id).where(events.c.grid_id == grid_id))
            .limit(1)
        )
        if taken.first() is None:
            return grid_id
