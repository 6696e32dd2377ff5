"""`bptt runs`: the runs of the queue."""

import click

from bptt.cli.connection import connected
from bptt.cli.listing import print_rows, say
from bptt.cli.options import json_option, limit_option
from bptt.cli.output import print_json
from bptt.cli.run_words import note_told, owner_of, run_title, status_told, title_of
from bptt.lifecycle import STANDINGS


class Word(click.Choice[str]):
    """One of the words, also as shown in the list: `time limit` for `time_limit`."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(value.replace(" ", "_"), param, ctx)


@click.command()
@click.argument("grid", required=False)
@click.option(
    "--status",
    "statuses",
    type=Word(STANDINGS),
    multiple=True,
    help="Only runs with this status; may be repeated.",
)
@limit_option(50)
@json_option("list instead of a table")
def runs(grid: str | None, statuses: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List runs of GRID, or of all grids, with their status.

    GRID is a grid's id, a prefix of one, a name, or USER/NAME. --status takes the words that the
    list shows: a status, what a running run is about to become, or how one ended.
    """
    with connected() as client:
        named = client.find(grid, "grid") if grid else None
        chosen = [status for status in STANDINGS if status in statuses]
        found = client.runs(named.id if named else None, chosen, limit=limit)
    if as_json:
        print_json(found)
        return
    if not found:
        which = " or ".join(chosen) + " " if chosen else ""
        where = f" in grid {title_of(named)}" if named else ""
        click.echo(f"No {which}runs{where}. Queue some with: bptt submit FILE", err=True)
        return
    if named and owner_of(named):
        say(f"{title_of(named)}\n")
    rows = [[run.run_id, run_title(run), status_told(run), note_told(run)] for run in found]
    print_rows(["run", "what", "status", "note"], rows, needed=3)
    if len(found) == limit:
        click.echo(f"\nThe first {limit:,}; for more: --limit N", err=True)
