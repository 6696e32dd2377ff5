"""`bptt priority`: which grid goes first."""

import click

from bptt.api import URGENCIES
from bptt.cli.connection import connected
from bptt.cli.options import PRIORITY, class_option, json_option
from bptt.cli.output import print_json
from bptt.cli.run_words import grid_title, owner_of


# a negative number is not an option
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("grid")
@click.argument("number", type=PRIORITY)
@class_option()
@json_option("object instead of a line")
def priority(grid: str, number: int, urgency: str | None, as_json: bool) -> None:
    """Give GRID a priority: among your own grids the highest number goes first; 0 is normal."""
    with connected() as client:
        found = client.find(grid, "grid", change=True)
        grid_id = found.id
        changed = client.set_priority(
            grid_id, number, None if urgency is None else URGENCIES.index(urgency)
        )
    if as_json:
        print_json(changed)
        return
    title = grid_title(grid_id, changed.name, owner_of(found))
    click.echo(f"Grid {title}: priority {changed.priority}, class {URGENCIES[changed.urgency]}.")
