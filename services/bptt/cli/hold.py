"""`bptt hold`: lets runs wait."""

import click

from bptt.cli.connection import connected, find_all
from bptt.cli.run_words import counted, grid_title
from bptt.cli.steering import Done, steer


@click.command()
@click.argument("targets", metavar="GRID|RUN...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of lines.")
def hold(targets: tuple[str, ...], as_json: bool) -> None:
    """Let grids or single runs wait until bptt release.

    Of a grid no further run begins, and those that run go on. A single run that is running saves
    itself, stops, and goes on from there once it is released.
    """
    with connected() as client:

        def hold_grid(grid_id: str) -> Done:
            waiting = client.hold_grid(grid_id)
            title = grid_title(grid_id, client.grid(grid_id).name)
            line = f"Grid {title}: {counted(waiting, 'run')} held. To go on: bptt release {grid_id}"
            return line, {"held": waiting}

        def hold_run(run_id: str) -> Done:
            is_held = client.hold_run(run_id).status == "held"
            told = "held" if is_held else "it saves itself and stops"
            return f"Run {run_id}: {told}. To go on: bptt release {run_id}", {"held": int(is_held)}

        steer(find_all(client, targets), hold_grid, hold_run, as_json)
