"""`bptt show`: the state of grids and runs, and what they have measured."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bptt.cli.connection import connected, current_settings
from bptt.cli.listing import say, terminal_width
from bptt.cli.options import json_option
from bptt.cli.run_folders import folder_here, has_queue, one_folder
from bptt.cli.run_pictures import draw
from bptt.cli.run_words import title_of
from bptt.damage import find_damage
from bptt.errors import DocumentDamaged, GridNotFound, RunNotFound
from bptt.run_folder import RunFolder, attempts, find_run
from bptt.settings import Settings

if TYPE_CHECKING:
    from bptt.api.answers import RunDetail
    from bptt.client import Client
    from bptt.records.grids import Grid
    from bptt.records.naming import Found

LATEST = 20
"""The most runs listed."""


@click.command()
@click.argument("names", metavar="[GRID|RUN]...", nargs=-1)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    help="Draw one run into a folder, as far as it has got.",
)
@click.option("--file", "as_file", is_flag=True, help="Print what submits GRID again, as YAML.")
@json_option("list instead of tables")
def show(names: tuple[str, ...], pictures: Path | None, as_file: bool, as_json: bool) -> None:
    """Show one run in full, several side by side, or a grid.

    RUN is the id of a run, from the queue or from bptt run, a prefix of one, or a point: a grid
    and its number (x5fxt-0, latch/0). GRID is a grid's id, a prefix of one, its name, or
    USER/NAME. Without arguments, the latest runs of bptt run are listed.

    With --file it is the file that GRID was submitted as, changed by each --set of then: bptt show
    GRID --file | bptt submit /dev/stdin makes a grid of the same points. Contents of files that it
    names are not in it.
    """
    if as_file:
        _print_file(names, other=as_json or pictures is not None)
        return
    settings = current_settings()
    if pictures is not None:
        draw(one_folder(settings, names), pictures)
        return
    if not names:
        list_runs(settings.runs, as_json)
        return
    local = {name: settings.runs / name.rstrip("/") for name in names}
    if all((path / "run.json").exists() for path in local.values()) or not has_queue(settings):
        # a run named twice is one run
        found = {folder.run_id: folder for folder in (find_run(settings.runs, n) for n in names)}
        print_runs(list(found.values()), as_json)
        return
    from bptt.client import connect

    with connect(settings) as client:
        _show_found(client, settings, names, as_json)


def _print_file(names: Sequence[str], *, other: bool) -> None:
    if len(names) != 1 or other:
        raise click.UsageError("--file prints one GRID and nothing else: name it.")
    with connected() as client:
        click.echo(client.grid_file(client.find(names[0], "grid").id), nl=False)


def _show_found(client: "Client", settings: Settings, names: Sequence[str], as_json: bool) -> None:
    """Print folders, grids and runs of the queue in the order in which they were named."""
    grids: dict[str, Grid] = {}
    runs: dict[str, RunDetail] = {}
    folders: dict[str, RunFolder] = {}
    found_all: list[Found] = []
    for name in names:
        try:
            if (settings.runs / name / "run.json").exists():
                raise RunNotFound(name)
            found = client.find(name)
        except (GridNotFound, RunNotFound) as error:
            folder = folder_here(settings, name)
            if folder is None:
                raise error from None
            folders[folder.run_id] = folder
            continue
        found_all.append(found)
        if found.kind == "grid":
            grids[found.id] = client.grid(found.id)
        else:
            detail = client.run(found.id)
            runs[found.id] = replace(detail, note=found.note)
    if as_json:
        _print_json(client, settings, grids, runs, folders)
    else:
        _print(client, settings, found_all, grids, runs, folders)


def _newest(settings: Settings, detail: "RunDetail") -> RunFolder | None:
    """Return the folder of a run's newest attempt that has begun, if it is on this machine."""
    folders = attempts(settings.runs, detail.run.run_id)
    return next((f for f in folders if (f.path / "run.json").exists() or f.is_finished), None)


def _succeeded(detail: "RunDetail") -> bool:
    return detail.run.status == "succeeded"


def _lost(settings: Settings, detail: "RunDetail") -> str:
    """Return a line if the folder of a run that ended with a result is gone; otherwise empty."""
    run_id = detail.run.run_id
    # with a shared database it may be on another machine
    if settings.server or settings.database_url or not _succeeded(detail):
        return ""
    folder = settings.runs / run_id
    mend = RunFolder.of_attempt(settings.runs, run_id, 1).remedy(ended=True)
    # one that was not sent has its own line
    if folder.exists() or detail.run.ship_trouble:
        return ""
    text = f"damaged  {folder} is gone: its results stay, pictures and logs are lost. "
    return f"{text}{mend}."


def _print(
    client: "Client",
    settings: Settings,
    found: "Sequence[Found]",
    grids: "dict[str, Grid]",
    runs: "dict[str, RunDetail]",
    folders: dict[str, RunFolder],
) -> None:
    from bptt.cli.queue_show import RUNS_AT_MOST, show_grid, show_run
    from bptt.cli.queue_show import print_runs as print_queue_runs

    measured = list(folders.values())
    gone = []
    succeeded = {run_id for run_id, detail in runs.items() if _succeeded(detail)}
    for detail in runs.values():
        folder = _newest(settings, detail)
        if folder is not None:
            measured.append(folder)
        elif lost := _lost(settings, detail):
            gone.append(lost)
    parts: list[Callable[[], None]] = []
    if notes := [f"{one.note}." for one in found if one.note] + _whose(found):
        parts.append(partial(say, "\n".join(notes)))
    titles = {one.id: title_of(one) for one in found}
    for grid in grids.values():
        listed = client.runs(grid.grid_id, limit=RUNS_AT_MOST)
        parts.append(partial(show_grid, client, titles[grid.grid_id], grid, listed))
    if len(runs) == 1:
        (detail,) = runs.values()
        parts.append(partial(show_run, detail))
    elif runs:
        parts.append(partial(print_queue_runs, [detail.run for detail in runs.values()]))
    if gone:
        parts.append(partial(say, "\n".join(gone)))
    if measured:
        parts.append(partial(print_runs, measured, succeeded=succeeded))
    for number, part in enumerate(parts):
        if number:
            click.echo()
        part()


def _whose(found: "Sequence[Found]") -> list[str]:
    """Return a line for each of the named runs that belongs to somebody else."""
    foreign = (one for one in found if one.kind == "run" and not one.is_own and not one.note)
    return [f"Run {title_of(one)}." for one in foreign]


def _print_json(
    client: "Client",
    settings: Settings,
    grids: "dict[str, Grid]",
    runs: "dict[str, RunDetail]",
    folders: dict[str, RunFolder],
) -> None:
    from bptt.cli.connection import all_runs
    from bptt.cli.output import print_json

    content: list[Any] = [
        {
            "grid": asdict(grid),
            "axes": [asdict(axis) for axis in client.axes(grid.grid_id)],
            "runs": [asdict(run) for run in all_runs(client, grid.grid_id)],
        }
        for grid in grids.values()
    ]
    for detail in runs.values():
        folder = _newest(settings, detail)
        measured = _measured(folder, _succeeded(detail)) if folder else None
        content.append({**asdict(detail), "measured": measured})
    content += [_measured(folder, False) for folder in folders.values()]
    print_json(content)


def _measured(folder: RunFolder, succeeded: bool) -> dict[str, Any]:
    from bptt.cli.made_with import changed_since
    from bptt.cli.summary import summarize

    try:
        summary = summarize(folder, succeeded)
        return {**summary.as_json(), "changed_since": changed_since(summary.run)}
    except (DocumentDamaged, OSError):
        damage = [str(one) for one in find_damage(folder, succeeded)]
        return {"run": {"run_id": folder.run_id}, "outcome": "unknown", "damage": damage}


def list_runs(runs: Path, as_json: bool) -> None:
    """Print the latest runs of `bptt run`, one line each, the newest last."""
    found = sorted(path for path in runs.glob("*/run.json")) if runs.is_dir() else []
    folders = [RunFolder(path.parent) for path in found[-LATEST:]]
    lines = []
    for folder in folders:
        try:
            run, result = folder.read_run(), folder.read_result()
            outcome = result.outcome if result else "unfinished"
            lines.append(
                {"run": folder.run_id, "name": run.name if run else "", "outcome": outcome}
            )
        except (DocumentDamaged, LookupError, OSError):
            hint = f"see: bptt show {folder.run_id}"
            lines.append({"run": folder.run_id, "name": hint, "outcome": "damaged"})
    if as_json:
        click.echo(json.dumps(lines, indent=1))
        return
    if not lines:
        click.echo(
            f"No runs in {runs} yet. Train one with: bptt run FILE. Those of the queue: bptt runs",
            err=True,
        )
    for line in lines:
        say(line["name"], head=f"{line['run']}  {line['outcome'].replace('_', ' '):<10}  ")


def print_runs(
    folders: Sequence[RunFolder], as_json: bool = False, succeeded: Collection[str] = ()
) -> None:
    """Print runs to stdout, as tables with a plot or as one JSON list.

    Args:
        folders: of the runs; if one cannot be identified, its damage is reported.
        as_json: print JSON.
        succeeded: runs that are known to have a result.
    """
    from bptt.cli.summary import summarize

    if as_json:
        content = [_measured(folder, folder.run_id in succeeded) for folder in folders]
        click.echo(json.dumps(content, indent=1, allow_nan=False))
        return
    summaries, damage = [], []
    for folder in folders:
        try:
            summary = summarize(folder, folder.run_id in succeeded)
        except (DocumentDamaged, OSError):
            damage += find_damage(folder, folder.run_id in succeeded)
        else:
            summaries.append(summary)
            damage += summary.damage
    for one in damage:
        say(f"{one}.", head="damaged  ")
    if not summaries:
        return
    if damage:
        click.echo()

    from rich.console import Console

    from bptt.cli.tables import one_run, several_runs

    console, room = Console(highlight=False), terminal_width()
    width = min(console.width, 100)
    if len(summaries) == 1:
        table = one_run(summaries[0], width, room)
    else:
        table = several_runs(summaries, width, room)
    # lines are as long as they are to be
    console.print(table, no_wrap=True, overflow="ignore", crop=False)
