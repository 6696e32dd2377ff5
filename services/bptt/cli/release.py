"""`bptt release`: lets held runs begin."""

import click

from bptt.cli.connection import connected, find_all
from bptt.cli.run_words import counted, grid_title
from bptt.cli.steering import Done, steer


@click.command()
@click.argument("targets", metavar="GRID|RUN...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of lines.")
def release(targets: tuple[str, ...], as_json: bool) -> None:
    """Let grids or single runs that are held begin.

    This also opens a grid that was held because its first run failed.
    """
    with connected() as client:

        def release_grid(grid_id: str) -> Done:
            released = client.release_grid(grid_id)
            title = grid_title(grid_id, client.grid(grid_id).name)
            return f"Grid {title}: released, {counted(released, 'run')} queued.", {
                "queued": released
            }

        def release_run(run_id: str) -> Done:
            client.release_run(run_id)
            return f"Run {run_id}: released.", {"queued": 1}

        steer(find_all(client, targets), release_grid, release_run, as_json)
