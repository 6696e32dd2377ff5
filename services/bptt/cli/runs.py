"""`bptt runs`: the runs of the queue."""

import click

from bptt.cli.connection import connected
from bptt.cli.listing import print_rows
from bptt.cli.output import print_json
from bptt.cli.run_words import note_told, run_title, status_told
from bptt.lifecycle import STATUSES


@click.command()
@click.argument("grid", required=False)
@click.option(
    "--status",
    "statuses",
    type=click.Choice(STATUSES),
    multiple=True,
    help="Only runs of this status; may be given several times.",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of a table.")
def runs(grid: str | None, statuses: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List runs of GRID, or of all grids, with their status.

    GRID is a grid's id, the beginning of one, or a name.
    """
    with connected() as client:
        grid_id = client.find(grid, "grid").id if grid else None
        chosen = [status for status in STATUSES if status in statuses]
        found = client.runs(grid_id, chosen, limit=limit)
    if as_json:
        print_json(found)
        return
    if not found:
        which = " or ".join(chosen) + " " if chosen else ""
        where = f" in grid {grid}" if grid else ""
        click.echo(f"No {which}runs{where}. Queue some with: bptt submit FILE", err=True)
        return
    rows = [[run.run_id, run_title(run), status_told(run), note_told(run)] for run in found]
    print_rows(["run", "what", "status", "note"], rows)
    if len(found) == limit:
        click.echo(f"\nThe first {limit:,}; for more: --limit N", err=True)
