"""`bptt cancel`: ends runs that are not wanted any more."""

import click

from bptt.cli.confirmation import confirm
from bptt.cli.connection import connected, find_all
from bptt.cli.run_words import counted, ended, grid_title
from bptt.cli.steering import Done, steer


@click.command()
@click.argument("targets", metavar="GRID|RUN...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of lines.")
def cancel(targets: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Cancel grids, after asking, or single runs.

    What waits is cancelled at once; a running one once its process has saved and is gone. What a
    run has measured so far stays. To run it after all: bptt retry.
    """
    with connected() as client:
        found = find_all(client, targets)
        grids = {one.id: client.grid(one.id) for one in found if one.kind == "grid"}
        left = sum(grid.points - ended(grid) - grid.missing for grid in grids.values())
        if left:
            names = ", ".join(grid_title(grid.grid_id, grid.name) for grid in grids.values())
            confirm(f"Cancel {counted(left, 'run')} of {names}?", yes)

        def cancel_grid(grid_id: str) -> Done:
            answer = client.cancel_grid(grid_id)
            told = f"cancelled {answer.cancelled:,}, stopping {answer.stopping:,}"
            title = grid_title(grid_id, grids[grid_id].name)
            return f"Grid {title}: {told}.", answer.model_dump()

        def cancel_run(run_id: str) -> Done:
            is_over = client.cancel_run(run_id).status == "cancelled"
            content = {"cancelled": int(is_over), "stopping": int(not is_over)}
            return f"Run {run_id}: {'cancelled' if is_over else 'stopping'}.", content

        steer(found, cancel_grid, cancel_run, as_json)
