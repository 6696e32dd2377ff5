"""`bptt extend`: more points for a grid."""

from dataclasses import asdict

import click

from bptt.cli.commands.submit import tell_sending, tell_waiting
from bptt.cli.connection import connected
from bptt.cli.options import json_option, set_option
from bptt.cli.output import print_json
from bptt.cli.run_words import grid_title, owner_of
from bptt.counted import counted


@click.command()
@click.argument("grid")
@click.argument("file", required=False)
@set_option("More values of an axis, as in --set seeds=10; may be repeated.")
@json_option("object instead of lines")
def extend(grid: str, file: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Add to GRID the points it lacks: more seeds, another value of an axis.

    The grid's own file, as submitted, is read with each --set on top; if FILE is given, it is read
    instead. Points that the grid already has are left as they are, even those that the new values
    leave out.
    """
    if file is None and not overrides:
        raise click.UsageError("Say what to add: --set KEY=VALUE, or a FILE.")
    with connected() as client:
        client.files.on_sending = tell_sending
        client.tell_waiting(tell_waiting)
        found = client.find(grid, "grid", change=True)
        grid_id = found.id
        extended = client.extend(grid_id, file, overrides)
        points = client.grid(grid_id).points
    if as_json:
        print_json({**asdict(extended), "user": found.user})
        return
    for note in extended.notes:
        click.echo(note, err=True)
    title, reused = (
        grid_title(grid_id, extended.name, owner_of(found)),
        sum(extended.reused.values()),
    )
    if not extended.queued and not reused:
        click.echo(f"Grid {title} already has all of these points; nothing was queued.")
        return
    already = f", {reused:,} had been run already" if reused else ""
    click.echo(
        f"Queued {counted(extended.queued, 'run')}{already}; grid {title} now has "
        f"{counted(points, 'point')}. Next: bptt watch {grid_id}"
    )
