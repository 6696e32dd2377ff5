"""The same run of other programs: what else was asked for with one specification."""

from sqlalchemy import select

from bptt.records.runs import OtherProgram
from bptt.store.database import Database
from bptt.store.tables import configurations, grids, points, runs

MOST = 20
"""How many are returned."""


def other_programs(database: Database, run_id: str) -> list[OtherProgram]:
    """Return the points of equal specification, seed and data whose plugins are other programs.

    Args:
        database: the queue.
        run_id: of a run.

    Returns:
        One of each program, of the newest grid that has it, the newest first.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    held = configurations.c
    with database.read() as connection:
        own = connection.execute(
            select(held.spec, held.data, held.plugins, runs.c.seed, grids.c.code)
            .join(runs, runs.c.configuration_id == held.id)
            .join(grids, grids.c.id == held.grid_id)
            .where(runs.c.id == run_id)
        ).one_or_none()
        if own is None:
            return []
        rows = connection.execute(
            select(held.plugins, points.c.grid_id, points.c.run_id, grids.c.code)
            .join(points, points.c.configuration_id == held.id)
            .join(grids, grids.c.id == points.c.grid_id)
            .where(held.spec == own.spec, held.data == own.data, points.c.seed == own.seed)
            .order_by(held.id.desc())
        ).all()
    found: dict[str, OtherProgram] = {}
    for row in rows:
        changed = {
            section: text
            for section, text in row.plugins.items()
            if own.plugins.get(section) != text
        }
        if changed:
            code, own_code = row.code or {}, own.code or {}
            other = OtherProgram(
                grid_id=row.grid_id,
                run_id=row.run_id,
                plugins=changed,
                own={section: own.plugins.get(section, "") for section in changed},
                files=[one for one in code if own_code.get(one, code[one]) != code[one]],
            )
            found.setdefault(repr(sorted(changed.items())), other)
    return list(found.values())[:MOST]
