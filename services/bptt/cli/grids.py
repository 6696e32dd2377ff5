"""`bptt grids`: the grids that were queued."""

from typing import TYPE_CHECKING

import click

from bptt.cli.connection import connected
from bptt.cli.listing import print_rows
from bptt.cli.output import print_json
from bptt.cli.run_words import counts_told, ended
from bptt.cli.spans import ago

if TYPE_CHECKING:
    from bptt.api.answers import Grid


@click.command()
@click.option("--all-users", is_flag=True, help="Those of everybody, not only yours.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of a table.")
def grids(all_users: bool, limit: int, as_json: bool) -> None:
    """List your grids, the newest first, and how far each is."""
    with connected() as client:
        found = client.grids(user=None if all_users else client.user, limit=limit)
    if as_json:
        print_json(found)
        return
    if not found:
        others = "" if all_users else " Those of others: bptt grids --all-users"
        click.echo(f"No grids yet. Queue one with: bptt submit FILE.{others}", err=True)
        return
    columns = ["grid", "name", *(["user"] if all_users else []), "ended", "runs", "queued"]
    print_rows(columns, [_row(grid, all_users) for grid in found])
    if len(found) == limit:
        click.echo(f"\nThe latest {limit:,}; for more: --limit N", err=True)


def _row(grid: "Grid", all_users: bool) -> list[str]:
    counts = counts_told(grid.counts)
    extra = [
        f"{grid.missing:,} deleted" if grid.missing else "",
        f"{grid.diverged:,} diverged" if grid.diverged else "",
        f"all held: {grid.held_reason}" if grid.held_reason else "",
    ]
    told = "; ".join(part for part in (counts, *extra) if part)
    user = [grid.user] if all_users else []
    share = f"{ended(grid):,}/{grid.points:,}"
    return [grid.grid_id, grid.name, *user, share, told, ago(grid.created_at)]
