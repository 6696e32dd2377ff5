"""`bptt delete`: removes grids and runs permanently."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bptt.cli.confirmation import confirm
from bptt.cli.connection import connected, find_all
from bptt.cli.options import json_option, targets_argument, yes_option
from bptt.cli.run_words import title_of
from bptt.cli.steering import Done, steer
from bptt.counted import counted

if TYPE_CHECKING:
    from bptt.api.answers import Deleted
    from bptt.records.naming import Found


@click.command()
@targets_argument
@yes_option
@json_option("list instead of lines")
def delete(targets: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Remove grids with their runs and folders, or single runs, after asking.

    Refused while any of them is running. Runs of a grid that other grids refer to stay, and such a
    single run is not deleted. The point of a deleted run stays in its grid: bptt fill runs it
    again. What is in MLflow stays.
    """
    with connected() as client:
        found = find_all(client, targets)
        grids = [one for one in found if one.kind == "grid"]
        runs = [one for one in found if one.kind == "run"]
        names = [
            f"grid {title_of(one)} with its {counted(client.grid(one.id).points, 'point')}"
            for one in grids
        ]
        names += [f"run {title_of(one)}" for one in runs]
        results = "their results but those that other grids refer to" if grids else "its results"
        confirm(f"Delete {', '.join(names)} for good, and all {results}?", yes)

        def delete_grid(one: "Found") -> Done:
            return _told("grid", one, client.delete_grid(one.id))

        def delete_run(one: "Found") -> Done:
            return _told("run", one, client.delete_run(one.id))

        steer(found, delete_grid, delete_run, as_json)


def _told(kind: str, one: "Found", deleted: "Deleted") -> Done:
    what = f"{counted(deleted.runs, 'run')}, {counted(deleted.folders, 'folder')}"
    return f"Deleted {kind} {title_of(one)}: {what}.", asdict(deleted)
