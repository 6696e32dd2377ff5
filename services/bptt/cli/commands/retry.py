"""`bptt retry`: runs again what did not succeed."""

from typing import TYPE_CHECKING

import click

from bptt.cli.connection import connected
from bptt.cli.options import json_option
from bptt.cli.output import print_json
from bptt.cli.run_words import owner_of, title_of
from bptt.counted import counted

if TYPE_CHECKING:
    from bptt.records.naming import Found


@click.command()
@click.argument("target", metavar="GRID|RUN")
@click.option("--failed", is_flag=True, help="What failed in a grid. [always]")
@click.option("--cancelled", is_flag=True, help="Also what was cancelled in a grid.")
@json_option("list instead of lines")
def retry(target: str, failed: bool, cancelled: bool, as_json: bool) -> None:
    """Run again, as new runs, what failed in a grid, or one failed or cancelled run.

    A new run continues from the last checkpoint of the one it repeats, and takes its place in the
    grid.
    """
    with connected() as client:
        found = client.find(target, change=True)
        if found.kind == "grid":
            new = client.retry_grid(found.id, cancelled=cancelled)
        else:
            new = client.retry_run(found.id)
    if as_json:
        print_json({"user": found.user, "runs": list(new)})
    elif not new:
        also = " or was cancelled" if cancelled else ""
        click.echo(f"Nothing in grid {_named(found)} failed{also}; nothing was queued.")
    elif found.kind == "run":
        click.echo(f"Queued {new[0]} in place of {title_of(found)}. Next: bptt logs -f {new[0]}")
    else:
        where = f" of {_named(found)}" if owner_of(found) else ""
        click.echo(f"Queued {counted(len(new), 'run')}{where} again. Next: bptt watch {found.id}")


def _named(found: "Found") -> str:
    return title_of(found) if owner_of(found) else found.id
