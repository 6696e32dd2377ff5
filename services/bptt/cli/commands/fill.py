"""`bptt fill`: queues what is missing from a grid."""

import click

from bptt.cli.connection import connected
from bptt.cli.options import json_option
from bptt.cli.output import print_json
from bptt.cli.run_words import owner_of, title_of
from bptt.counted import counted


@click.command()
@click.argument("grid")
@json_option("object instead of a line")
def fill(grid: str, as_json: bool) -> None:
    """Queue a new run for every point of GRID whose run failed, was cancelled or was deleted."""
    with connected() as client:
        found = client.find(grid, "grid", change=True)
        grid_id = found.id
        filled = client.fill(grid_id)
    if as_json:
        print_json({"grid": grid_id, "user": found.user, "queued": filled})
    elif filled:
        where = f" of {title_of(found)}" if owner_of(found) else ""
        click.echo(f"Queued {counted(filled, 'run')}{where}. Next: bptt watch {grid_id}")
    else:
        what = title_of(found) if owner_of(found) else grid_id
        click.echo(f"Every point of {what} has its result or is on its way; nothing was queued.")
