"""`bptt submit`: queues the grid that a file describes."""

from typing import TYPE_CHECKING

import click

from bptt.api import URGENCIES
from bptt.cli.connection import connected
from bptt.cli.listing import say
from bptt.cli.options import PRIORITY, class_option, json_option, set_option
from bptt.cli.output import print_json
from bptt.cli.run_words import grid_title
from bptt.cli.spans import between
from bptt.counted import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bptt.api.answers import Preview, Submission, Times


@click.command()
@click.argument("file")
@set_option()
@click.option("--dry-run", is_flag=True, help="Show axes, points and time; queue nothing.")
@click.option("--force", is_flag=True, help="Run again even what has already been run.")
@click.option("--hold", is_flag=True, help="Hold the runs back until bptt release.")
@click.option(
    "--priority",
    type=PRIORITY,
    default=0,
    show_default=True,
    help="Among your own grids the highest number goes first.",
)
@class_option("normal")
@json_option("object instead of lines")
def submit(
    file: str,
    overrides: tuple[str, ...],
    dry_run: bool,
    force: bool,
    hold: bool,
    priority: int,
    urgency: str,
    as_json: bool,
) -> None:
    """Check the grid that FILE describes and queue all of its runs, or none.

    FILE is a run file in which every list is an axis. All errors are reported at once, with their
    lines. Runs that anybody has already done, with the same result, are not repeated.
    """
    with connected() as client:
        client.files.on_sending = tell_sending
        client.tell_waiting(tell_waiting)
        if dry_run:
            _print_preview(client.preview(file, overrides, force), as_json)
            return
        submitted = client.submit(
            file,
            overrides,
            force=force,
            hold=hold,
            priority=priority,
            urgency=URGENCIES.index(urgency),
        )
    if as_json:
        print_json(submitted)
        return
    for note in submitted.notes:
        click.echo(note, err=True)
    for line in submission_lines(submitted, hold):
        say(line)


def tell_sending(name: str, size: int) -> None:
    """Say on stderr that a file is new to the server and was sent."""
    click.echo(f"{name}, {size:,} bytes, is new there: sent.", err=True)


def tell_waiting() -> None:
    """Say on stderr that a server is taking long."""
    click.echo("The server is still at work on it; Ctrl-C gives it up.", err=True)


def submission_lines(submitted: "Submission", held: bool) -> list[str]:
    """Return the outcome of a submission, and what to do next, line by line."""
    title, grid = grid_title(submitted.grid_id, submitted.name), submitted.grid_id
    if submitted.existing:
        return [
            f"Grid {title} is in the queue already; nothing was queued twice. "
            "To run it all again: --force.",
            f"Next: bptt watch {grid}",
        ]
    done, size = "Held" if held else "Queued", counted(submitted.points, "point")
    lines = [f"{done} {counted(submitted.queued, 'run')} of grid {title}: {size}."]
    if submitted.reused:
        lines.append(_already_run(submitted.reused))
    if not submitted.queued:
        return [*lines, f"Next: bptt show {grid}"]
    if line := time_told(submitted, submitted.slots):
        lines.append(line)
    return [*lines, _next(submitted, held)]


def _already_run(reused: "Mapping[str, int]") -> str:
    people = ", ".join(f"{count:,} by {user}" for user, count in reused.items())
    return f"Already run: {people}. To run them again: --force."


def time_told(times: "Times", slots: int) -> str:
    """Return how long something takes, as a sentence; empty if unknown."""
    if times.least is None or times.most is None:
        return ""
    # solved runs are taken into account only if there were any like these
    sooner = "; less where runs are solved earlier" if times.may_stop else ""
    return f"About {between(times.least, times.most)} on {counted(slots, 'slot')}{sooner}."


def _next(submitted: "Submission", held: bool) -> str:
    watch = f"bptt watch {submitted.grid_id}"
    if held:
        return f"Next: bptt release {submitted.grid_id}"
    if not submitted.workers:
        return f"Next: no worker is up; start one with bptt up -d, then {watch}"
    return f"Next: {watch}"


def _print_preview(preview: "Preview", as_json: bool) -> None:
    from bptt.cli.commands.grid import as_json_object, print_grid

    if as_json:
        print_json(as_json_object(preview, queued=True))
        return
    print_grid(preview)
    if preview.unsent:
        files = ", ".join(f"{name} ({size:,} bytes)" for name, size in preview.unsent.items())
        say(
            f"Not there yet: {files}. What depends on it, identities and time included, is "
            "known and checked when bptt submit sends it."
        )
    for line in _foreseen_lines(preview):
        say(line)
    click.echo("Nothing was queued.")


def _foreseen_lines(preview: "Preview") -> list[str]:
    """Return what submitting would do, and how long that takes."""
    foreseen = preview.foreseen
    if foreseen is None:
        return []
    if foreseen.existing:
        title = grid_title(foreseen.grid_id, foreseen.name)
        return [f"Grid {title} is in the queue already: it would not be queued twice."]
    lines = [f"Would queue {counted(foreseen.queued, 'run')}."]
    if foreseen.reused:
        lines.append(_already_run(foreseen.reused))
    timed = foreseen.queued and time_told(preview, preview.slots)
    return [*lines, timed] if timed else lines
