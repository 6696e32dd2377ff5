"""Whether a grid can be extended by what is installed; `merging` refuses what cannot."""

from typing import cast

from sqlalchemy import select

from bptt.errors import PluginError
from bptt.records.grids import ChangedPlugin
from bptt.store.database import Database
from bptt.store.merging import told_section
from bptt.store.tables import configurations, grids


def changed_plugin(database: Database, grid_id: str) -> ChangedPlugin | None:
    """Return why a grid cannot be extended; None if its plugins are what they were.

    No plugin is imported.

    Args:
        database: the queue.
        grid_id: of the grid.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    # a listing does without
    from bptt import registry

    held = configurations.c
    with database.read() as connection:
        code = connection.scalar(select(grids.c.code).where(grids.c.id == grid_id))
        rows = connection.scalars(select(held.plugins).where(held.grid_id == grid_id))
        was = {section: text for plugins in rows for section, text in plugins.items()}
    for section, text in was.items():
        kind, _, name = section.partition(":")
        try:
            now = registry.code_of(registry.find(cast(registry.Kind, kind), name))
        except PluginError:
            was_of = f"{told_section(section)} was of {registry.released(text)}"
            return ChangedPlugin(f"{was_of}, which is not installed", is_installed=False)
        if now.text != text:
            told = registry.told_change(text, now.text, code, now.files)
            return ChangedPlugin(f"{told_section(section)} was {told}", is_installed=True)
    return None
