"""`bptt show`: what runs have measured."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from bptt.run_folder import RunFolder, find_run
from bptt.settings import read_settings

LATEST = 20
"""Runs listed at most."""


@click.command()
@click.argument("run_ids", metavar="[RUN]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of tables.")
def show(run_ids: tuple[str, ...], as_json: bool) -> None:
    """Show one run in full, several next to each other, or list the latest.

    RUN is a run's id, or the beginning of one.
    """
    settings = read_settings()
    # one run named twice is one run
    names = dict.fromkeys(find_run(settings.runs, run_id).run_id for run_id in run_ids)
    if names:
        print_runs([RunFolder(settings.runs / name) for name in names], as_json)
    else:
        list_runs(settings.runs, as_json)


def list_runs(runs: Path, as_json: bool) -> None:
    """Print the latest runs, a line each, the last one last."""
    found = sorted(path for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else []
    folders = [RunFolder(path) for path in found[-LATEST:]]
    lines = []
    for folder in folders:
        run, result = folder.read("run"), folder.read("result")
        if run is not None:
            outcome = result["outcome"] if result else "unfinished"
            lines.append({"run": folder.run_id, "name": run["name"], "outcome": outcome})
    if as_json:
        click.echo(json.dumps(lines, indent=1))
        return
    if not lines:
        click.echo(f"No runs in {runs} yet. Train one with: bptt run FILE", err=True)
    for line in lines:
        click.echo(f"{line['run']}  {line['outcome'].replace('_', ' '):<10}  {line['name']}")


def print_runs(folders: Sequence[RunFolder], as_json: bool = False) -> None:
    """Print runs to stdout, as tables with a plot or as one JSON list."""
    from bptt.cli.summary import summarize

    summaries = [summarize(folder) for folder in folders]
    if as_json:
        content = [summary.as_json() for summary in summaries]
        click.echo(json.dumps(content, indent=1, allow_nan=False))
        return

    from rich.console import Console

    from bptt.cli.tables import one_run, several_runs

    console = Console(highlight=False)
    width = min(console.width, 100)
    if len(summaries) == 1:
        console.print(one_run(summaries[0], width))
    else:
        console.print(several_runs(summaries, width))
