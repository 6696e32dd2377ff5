"""What the points of a grid are as a whole, to match them with those of other grids."""

from sqlalchemy import select

from bptt.content import PREFIX
from bptt.records.contents import WholeConfiguration, WholePoint
from bptt.store.content import contents_of_grid
from bptt.store.database import Database
from bptt.store.tables import configurations, points


def whole_points(database: Database, grid_id: str) -> dict[str, WholePoint]:
    """Return what each point of a grid is, by the point's name.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    held = configurations.c
    with database.read() as connection:
        of_points = connection.execute(
            select(points.c.name, points.c.identity, points.c.configuration_id).where(
                points.c.grid_id == grid_id
            )
        ).all()
        # points of a grid are of its own configurations
        rows = connection.execute(
            select(held.id, held.spec, held.plugins, held.data).where(held.grid_id == grid_id)
        ).all()
        reads_files = any(PREFIX in row.spec for row in rows)
        files = contents_of_grid(connection, grid_id) if reads_files else {}
    known = {row.id: WholeConfiguration(row.spec, row.plugins, row.data, files) for row in rows}
    return {row.name: WholePoint(known[row.configuration_id], row.identity) for row in of_points}
