"""`bptt delete`: removes a grid for good."""

import click

from bptt.cli.confirmation import confirm
from bptt.cli.connection import connected
from bptt.cli.output import print_json
from bptt.cli.run_words import counted, grid_title


@click.command()
@click.argument("grid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a line.")
def delete(grid: str, yes: bool, as_json: bool) -> None:
    """Remove GRID, its runs and their folders, after asking; refused while any of it runs.

    Runs that other grids refer to stay, and so does everything in MLflow.
    """
    with connected() as client:
        found = client.grid(client.find(grid, "grid").id)
        title = grid_title(found.grid_id, found.name)
        confirm(
            f"Delete grid {title} with its {counted(found.points, 'point')} for good, and all "
            "their results but those that other grids refer to?",
            yes,
        )
        deleted = client.delete_grid(found.grid_id)
    if as_json:
        print_json({"grid": found.grid_id, **deleted.model_dump()})
        return
    runs, folders = counted(deleted.runs, "run"), counted(deleted.folders, "folder")
    click.echo(f"Deleted grid {title}: {runs}, {folders}.")
