"""`bptt extend`: more points for a grid."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bptt.cli.commands.submit import tell_sending, tell_waiting
from bptt.cli.connection import connected
from bptt.cli.options import SeedList, json_option, set_option
from bptt.cli.output import print_json
from bptt.cli.run_words import grid_title, owner_of
from bptt.counted import counted

if TYPE_CHECKING:
    from bptt.api.answers import Submission


@click.command()
@click.argument("grid")
@click.argument("file", required=False)
@set_option("More values of an axis, as in --set seeds=10; may be repeated.")
@click.option(
    "--tuned",
    multiple=True,
    metavar="AXIS",
    help="Fresh seeds for the values alone that compare --tune AXIS chooses.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="With --tuned: fresh seeds that there should be; by default 5.",
)
@click.option("--by", multiple=True, metavar="AXIS", help="With --tuned: as of compare.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="With --tuned: likewise.")
@click.option(
    "--tune-seeds",
    type=SeedList(),
    default="",
    metavar="N,N,...",
    help="With --tuned: the seeds that choose; by default all that every point has.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be queued; queue nothing.")
@json_option("object instead of lines")
def extend(
    grid: str,
    file: str | None,
    overrides: tuple[str, ...],
    tuned: tuple[str, ...],
    seeds: int | None,
    by: tuple[str, ...],
    metrics: tuple[str, ...],
    tune_seeds: list[int],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add to GRID the points it lacks: more seeds, another value of an axis.

    The grid's own file, as submitted, is read with each --set on top; if FILE is given, it is read
    instead. Points that the grid already has are left as they are, even those that the new values
    leave out.

    With --tuned each configuration gets fresh seeds for the best of its values of an axis (a
    learning rate) alone; compare --tune then chooses by the old seeds and judges by the fresh ones,
    at a fraction of what fresh seeds for all values cost. The choice is fixed by that.
    """
    if tuned and (file is not None or overrides):
        raise click.UsageError("--tuned adds seeds for values that GRID has: no FILE, no --set.")
    if not tuned and (seeds or by or metrics or tune_seeds):
        raise click.UsageError(
            "--seeds, --by, --metric and --tune-seeds belong to --tuned AXIS; more seeds for all "
            "points: --set seeds=N."
        )
    if file is None and not overrides and not tuned:
        raise click.UsageError("Say what to add: --set KEY=VALUE, --tuned AXIS, or a FILE.")
    asked: dict[str, Any] = {"tuned": tuned, "by": by, "metrics": metrics, "tune_seeds": tune_seeds}
    if seeds:
        asked["seeds"] = seeds
    with connected() as client:
        client.files.on_sending = tell_sending
        client.tell_waiting(tell_waiting)
        found = client.find(grid, "grid", change=True)
        extended = client.extend(found.id, file, overrides, dry_run=dry_run, **asked)
    if as_json:
        print_json({**asdict(extended), "user": found.user})
        return
    for note in extended.notes:
        click.echo(note, err=True)
    _print_told(extended, grid_title(found.id, extended.name, owner_of(found)), dry_run)


def _print_told(extended: "Submission", title: str, dry_run: bool) -> None:
    reused = sum(extended.reused.values())
    if not extended.queued and not reused:
        click.echo(f"Grid {title} already has all of these points; nothing was queued.")
        return
    already = f", {reused:,} had been run already" if reused else ""
    points = counted(extended.points, "point")
    if dry_run:
        click.echo(
            f"Would queue {counted(extended.queued, 'run')}{already}; grid {title} would have "
            f"{points}. Nothing was queued."
        )
        return
    click.echo(
        f"Queued {counted(extended.queued, 'run')}{already}; grid {title} now has {points}. Next: "
        f"bptt watch {extended.grid_id}"
    )
