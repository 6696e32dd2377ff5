"""`bptt retry`: runs again what did not succeed."""

import click

from bptt.cli.connection import connected
from bptt.cli.output import print_json
from bptt.cli.run_words import counted


@click.command()
@click.argument("target", metavar="GRID|RUN")
@click.option(
    "--failed", "which", flag_value="failed", default=True, help="Of a grid what failed. [default]"
)
@click.option(
    "--cancelled", "which", flag_value="cancelled", help="Of a grid also what was cancelled."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of lines.")
def retry(target: str, which: str, as_json: bool) -> None:
    """Run again, as new runs, what failed in a grid, or one run that failed or was cancelled.

    A new run goes on from the last checkpoint of the one it repeats, and takes its place in the
    grid.
    """
    with connected() as client:
        found = client.find(target)
        if found.kind == "grid":
            new = client.retry_grid(found.id, cancelled=which == "cancelled")
        else:
            new = client.retry_run(found.id)
    if as_json:
        print_json({"runs": list(new)})
    elif not new:
        also = " or was cancelled" if which == "cancelled" else ""
        click.echo(f"Nothing in grid {found.id} failed{also}; nothing was queued.")
    elif found.kind == "run":
        click.echo(f"Queued {new[0]} in place of {found.id}. Next: bptt logs -f {new[0]}")
    else:
        click.echo(f"Queued {counted(len(new), 'run')} again. Next: bptt watch {found.id}")
