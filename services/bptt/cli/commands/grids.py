"""`bptt grids`: the grids that were queued."""

from typing import TYPE_CHECKING

import click

from bptt.cli.connection import connected
from bptt.cli.listing import print_rows
from bptt.cli.options import json_option, limit_option
from bptt.cli.output import print_json
from bptt.cli.run_words import counts_told, ended
from bptt.cli.spans import ago

if TYPE_CHECKING:
    from bptt.records.grids import Grid


@click.command()
@click.option("--all-users", is_flag=True, help="Everybody's, not only yours.")
@click.option("--user", metavar="NAME", help="Those of this user, not yours.")
@limit_option(20)
@json_option("list instead of a table")
def grids(all_users: bool, user: str | None, limit: int, as_json: bool) -> None:
    """List your grids, the newest first, and their progress."""
    if all_users and user is not None:
        raise click.UsageError("--all-users and --user exclude each other: give one of them.")
    with connected() as client:
        whose = None if all_users else user or client.user
        found = client.grids(user=whose, limit=limit)
    if as_json:
        print_json(found)
        return
    if not found:
        others = "" if all_users or user else " Those of others: bptt grids --all-users"
        click.echo(f"No grids yet. Queue one with: bptt submit FILE.{others}", err=True)
        return
    is_told = all_users or user is not None
    columns = ["grid", "name", *(["user"] if is_told else []), "ended", "runs", "queued"]
    print_rows(columns, [_row(grid, is_told) for grid in found], needed=len(columns) - 1)
    if len(found) == limit:
        click.echo(f"\nThe latest {limit:,}; for more: --limit N", err=True)


def _row(grid: "Grid", is_told: bool) -> list[str]:
    counts = counts_told(grid.counts)
    extra = [
        f"{grid.missing:,} deleted" if grid.missing else "",
        f"{grid.diverged:,} diverged" if grid.diverged else "",
        f"all held: {grid.held_reason}" if grid.held_reason else "",
    ]
    state = "; ".join(part for part in (counts, *extra) if part)
    user = [grid.user] if is_told else []
    share = f"{ended(grid):,}/{grid.points:,}"
    return [grid.grid_id, grid.name, *user, share, state, ago(grid.created_at)]
