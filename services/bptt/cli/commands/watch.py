"""`bptt watch`: follows a grid until it ends."""

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from bptt.cli.connection import connected
from bptt.cli.listing import say
from bptt.cli.options import json_option
from bptt.cli.run_words import counts_told, grid_title, title_of
from bptt.errors import GridNotFound, Unavailable
from bptt.lifecycle import QUEUED_WITH

if TYPE_CHECKING:
    from bptt.api.answers import Progress
    from bptt.client import Client
    from bptt.records.grids import Grid

PAUSE, PAUSE_WHEN_DOWN = 1.0, 3.0
"""Seconds between two updates."""


@click.command()
@click.argument("grid", required=False)
@json_option("object per line and change")
def watch(grid: str | None, as_json: bool) -> None:
    """Follow GRID, or your latest one, until it ends: progress, time left, what is waiting and why.

    Exit code 1 if runs failed, or if the grid is held because its first run did. Ctrl-C stops
    watching and nothing else. Without a terminal, each change is one line.
    """
    with connected() as client:
        if grid:
            found = client.find(grid, "grid")
            grid_id, title = found.id, title_of(found)
        else:
            latest = _latest(client)
            grid_id, title = latest.grid_id, grid_title(latest.grid_id, latest.name)
        try:
            last = _follow(client, grid_id, title, as_json)
        except KeyboardInterrupt:
            click.echo(f"\nThe grid goes on. Watch it again: bptt watch {grid_id}", err=True)
            raise click.exceptions.Exit(130) from None
    if not as_json:
        say("\n".join(_ending(last, title)))
    failed = last.grid.counts.get("failed", 0)
    raise click.exceptions.Exit(1 if failed else 0)


def _latest(client: "Client") -> "Grid":
    """Return the newest grid of this user, one that has not ended if there is any."""
    grids = client.grids(user=client.user)
    if not grids:
        raise GridNotFound("You have no grid to watch. Queue one with: bptt submit FILE")
    return next((grid for grid in grids if grid.ended_at is None), grids[0])


def _follow(client: "Client", grid_id: str, title: str, as_json: bool) -> "Progress":
    """Show every change until nothing more will happen; return the last state."""
    looks = _looks(client, grid_id)
    if as_json:
        from bptt.cli.watch_lines import show_json

        return show_json(looks)
    if sys.stdout.isatty():
        from bptt.cli import watch_screen

        return watch_screen.show(looks)
    from bptt.cli import watch_lines

    return watch_lines.show(looks, title)


def _looks(client: "Client", grid_id: str) -> "Iterator[Progress | str]":
    """Yield the grid's progress again and again, or why it is unavailable right now."""
    yield (progress := client.progress(grid_id))
    while not _is_over(progress):
        time.sleep(PAUSE)
        try:
            yield (progress := client.progress(grid_id))
        except Unavailable as error:
            # the grid continues, and so does watching it
            yield str(error)
            time.sleep(PAUSE_WHEN_DOWN)


def _is_over(progress: "Progress") -> bool:
    grid = progress.grid
    is_stuck = grid.held_reason is not None and not grid.counts.get("running")
    for_a_person = grid.counts.get("failed", 0) > 0 or _has_other_plugins(grid)
    return grid.ended_at is not None or (is_stuck and for_a_person)


def _has_other_plugins(grid: "Grid") -> bool:
    """Say whether a grid is held because a worker has other plugins than it was queued with."""
    return (grid.held_reason or "").startswith(QUEUED_WITH)


def _ending(progress: "Progress", title: str) -> list[str]:
    grid = progress.grid
    counts = counts_told(grid.counts)
    if grid.ended_at is None:
        held = f"Grid {title} is held: {grid.held_reason} ({counts})"
        if _has_other_plugins(grid):
            return [held, f"Then: bptt release {grid.grid_id}; or: bptt cancel {grid.grid_id}"]
        return [
            held,
            f"Fix it and bptt retry {grid.grid_id}, or, if that means another plugin, submit the "
            f"file again; or let the others start: "
            f"bptt release {grid.grid_id}; or: bptt cancel {grid.grid_id}",
        ]
    lines = [f"Grid {title} has ended: {counts}."]
    if grid.counts.get("failed"):
        lines.append(
            f"Why: bptt runs {grid.grid_id} --status failed; again: bptt retry {grid.grid_id}"
        )
    if grid.counts.get("succeeded"):
        lines.append(f"What they measured: bptt show {grid.grid_id}")
    return lines
