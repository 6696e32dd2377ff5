"""`bptt show`: what runs have measured."""

import json
from collections.abc import Sequence

import click

from bptt.run_folder import RunFolder, find_run
from bptt.settings import read_settings


@click.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of tables.")
def show(run_ids: tuple[str, ...], as_json: bool) -> None:
    """Show one run in full, or several next to each other.

    RUN is a run's id, or the beginning of one.
    """
    settings = read_settings()
    print_runs([find_run(settings.runs, run_id) for run_id in run_ids], as_json)


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
