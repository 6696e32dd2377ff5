"""`bptt compare`: a grid's answer, a mean over seeds for each configuration."""

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bptt.cli.comparison_formats import FORMATS
from bptt.cli.connection import connected
from bptt.cli.listing import print_rows, say
from bptt.cli.options import SeedList, json_option
from bptt.cli.output import print_json
from bptt.cli.run_words import owner_of, title_of
from bptt.comparison import wording
from bptt.counted import counted
from bptt.errors import UserError

if TYPE_CHECKING:
    from bptt.api.comparison_answers import Picture
    from bptt.records.comparison import Comparison
    from bptt.records.grids import Grid
    from bptt.records.naming import Found


@click.command()
@click.argument("grids", metavar="GRID...", nargs=-1, required=True)
@click.option(
    "--by", multiple=True, metavar="AXIS", help="Distinguish configurations only by AXIS."
)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Compare NAME.")
@click.option(
    "--at",
    type=click.Choice(["init", "best", "end"]),
    default="end",
    help="Compare what runs measured before the first update, at their best evaluation, or at "
    "their end (the default).",
)
@click.option(
    "--tune",
    multiple=True,
    metavar="AXIS",
    help="Choose the best value of AXIS for each configuration on some seeds; judge on the others.",
)
@click.option(
    "--tune-seeds",
    type=SeedList(),
    default="",
    metavar="N,N,...",
    help="The seeds that choose; by default the first half of six and more.",
)
@click.option(
    "--filter",
    "conditions",
    multiple=True,
    metavar="AXIS=VALUE",
    help="Compare only points with this value; several of one axis are alternatives.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "markdown", "latex"]),
    help="Print this: latex for booktabs, csv with a column for each axis.",
)
@json_option("list instead of tables")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of tables.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with pictures.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Write pictures into a folder.")
@click.option("--svg", is_flag=True, help="Write pictures as SVG, not PNG.")
def compare(
    grids: tuple[str, ...],
    by: tuple[str, ...],
    metrics: tuple[str, ...],
    at: str,
    tune: tuple[str, ...],
    tune_seeds: list[int],
    conditions: tuple[str, ...],
    form: str | None,
    as_json: bool,
    as_csv: bool,
    html: Path | None,
    pictures: Path | None,
    svg: bool,
) -> None:
    """Compare the configurations of GRIDs, each by its mean over seeds with a 95 % interval.

    The best comes first, with all that cannot be told from it; the command that adds the seeds to
    tell them apart stands below. Configurations of different problems (another task, or another
    option of it) are in tables of their own. Runs that diverged, failed or have not ended are
    counted and named, never left out. GRID is a grid's id, a prefix of one, a name, or USER/NAME;
    a name means your newest grid of that name.

    Configurations are distinguished by all axes but the seed, or only by those of --by (cell,
    optimizer.lr, or lr for short), and then averaged over the rest; --by and --metric may be
    repeated. The first --metric decides the order; by default it is the task's own.

    With --tune each configuration takes its best value of an axis (a learning rate), by its mean
    on some seeds, and is compared on the others, which had no say: the best of several on the
    seeds it was chosen by is better than it is.

    Several grids are compared as if they were one: configurations are the same if all is that
    determines a result but the seed, whatever a file left at its default; then their seeds are
    pooled, and a run that serves several grids counts once.
    """
    named = [word for word in (as_json and "json", as_csv and "csv", form) if word]
    if len(named) > 1:
        raise UserError("--json, --csv and --format exclude each other: give one of them.")
    chosen = named[0] if named else "table"
    if svg and pictures is None:
        raise UserError("--svg is how --pictures FOLDER writes: give that, too.")
    for place, is_folder in ((html, False), (pictures, True)):
        if place is not None:
            _refuse_unwritable(place, is_folder)
    with connected() as client:
        found = [client.find(grid, "grid") for grid in grids]
        ids = [one.id for one in found]
        asked = {"at": at, "tune": tune, "tune_seeds": tune_seeds, "conditions": conditions}
        comparisons = client.comparison(ids, by, metrics, **asked)
        # first, as who reads what is printed may stop reading: `bptt compare ... | head`
        if html is not None:
            _write(html, client.report(ids, by, metrics, **asked).encode())
        if pictures is not None:
            drawn = client.pictures(ids, by, metrics, kind="svg" if svg else "png", **asked)
            _write_pictures(drawn, pictures, svg)
        if chosen == "json":
            print_json(comparisons)
        elif chosen in FORMATS:
            for one in found:
                if owner_of(one) or len(found) > 1:
                    click.echo(f"Grid {title_of(one)}", err=True)
            _print_text(comparisons, chosen)
        else:
            _print(found, comparisons)
            _print_held([client.grid(grid_id) for grid_id in ids], found)
            say(wording.EXPLAINED)


PAGES = ("", ".html", ".htm")
"""What the name of a page may end in."""


def _refuse_unwritable(path: Path, is_folder: bool) -> None:
    """Report at once, rather than after the work is done, that a place cannot be written to."""
    if not is_folder and path.suffix.lower() not in PAGES:
        raise UserError(
            f"Cannot write {path}: --html writes a page, whose name ends in .html; single pictures "
            "are written by --pictures FOLDER."
        )
    if path.exists() and path.is_dir() != is_folder:
        kind, needed = ("file", "folder") if is_folder else ("folder", "file")
        raise UserError(f"Cannot write {path}: it is a {kind}. Name a {needed}.")
    parent = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
    if (parent.is_dir() or path.exists()) and os.access(parent, os.W_OK):
        return
    raise UserError(f"Cannot write {path}: {parent} cannot be written to. Name another place.")


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"Cannot write {path}: {error.strerror or error}. Name another place."
        ) from error
    click.echo(f"Wrote {path} ({len(content) / 1e3:,.0f} kB).", err=True)


def _write_pictures(drawn: "list[Picture]", folder: Path, svg: bool) -> None:
    for picture in drawn:
        name = f"{picture.name}.{'svg' if svg else 'png'}"
        _write(folder / name, base64.b64decode(picture.base64))
    if not drawn:
        click.echo(
            "No run of what is compared has left anything to draw on its machine yet.", err=True
        )


def _print(found: "list[Found]", comparisons: "list[Comparison]") -> None:
    title = wording.listed([title_of(one) for one in found])
    if len(comparisons) > 1:
        alone = [one for one in comparisons if one.problems == 1]
        ended, points = sum(one.ended for one in alone), sum(one.points for one in alone)
        problems = counted(len(alone), "problem")
        say(f"{title}: results of {ended:,} of {counted(points, 'run')}, {problems}\n")
    for comparison in comparisons:
        say(_heading(title, comparison, alone=len(comparisons) == 1))
        click.echo()
        # nothing judges yet what was chosen
        if comparison.groups:
            print_rows(
                wording.columns(comparison),
                [wording.cells(comparison, group) for group in comparison.groups],
                needed=3 + len(comparison.metrics),
            )
            click.echo()
        if heads := wording.tested_columns(comparison):
            say(f"{wording.tested_heading(comparison)}:")
            rows = [wording.tested_cells(group) for group in comparison.groups]
            print_rows(heads, rows, needed=len(heads))
            click.echo()
        for line in [*wording.conclusions(comparison), *wording.without_value(comparison)]:
            say(line)
        click.echo()


def _print_held(grids: "list[Grid]", found: "list[Found]") -> None:
    for grid, one in zip(grids, found, strict=True):
        if grid.held_reason:
            what = f"All of {title_of(one)} held" if len(grids) > 1 else "All held"
            say(f"{what}: {grid.held_reason} (bptt release {grid.grid_id})\n")


def _heading(title: str, comparison: "Comparison", alone: bool) -> str:
    # several grids were named above
    several = len(comparison.grids) > 1
    of_problem = comparison.title if several else f"{title}, {comparison.title}"
    name = title if alone else of_problem
    told = f"{name}: results of {comparison.ended:,} of {counted(comparison.points, 'run')}"
    return ", ".join(filter(None, (told, wording.heading(comparison))))


def _print_text(comparisons: "list[Comparison]", form: str) -> None:
    """Print a format for other programs; a CSV has no room for words, so they go to stderr."""
    click.echo(FORMATS[form](comparisons), nl=False)
    if form != "csv":
        return
    for comparison in comparisons:
        title = f"{comparison.title}: " if len(comparisons) > 1 else ""
        for line in wording.conclusions(comparison):
            click.echo(f"{title}{line}", err=True)
