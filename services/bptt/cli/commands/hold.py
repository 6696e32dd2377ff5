"""`bptt hold`: holds runs back."""

from typing import TYPE_CHECKING

import click

from bptt.cli.connection import connected, find_all
from bptt.cli.options import json_option, targets_argument
from bptt.cli.run_words import title_of
from bptt.cli.steering import Done, steer
from bptt.counted import counted

if TYPE_CHECKING:
    from bptt.records.naming import Found


@click.command()
@targets_argument
@json_option("list instead of lines")
def hold(targets: tuple[str, ...], as_json: bool) -> None:
    """Hold back grids or single runs until bptt release.

    No further run of a held grid starts, while running ones continue. A single run that is running
    saves itself, stops, and continues from there once it is released.
    """
    with connected() as client:

        def hold_grid(one: "Found") -> Done:
            waiting = client.hold_grid(one.id)
            change = f"{counted(waiting, 'run')} held"
            line = f"Grid {title_of(one)}: {change}. To go on: bptt release {one.id}"
            return line, {"held": waiting}

        def hold_run(one: "Found") -> Done:
            is_held = client.hold_run(one.id).status == "held"
            change = "held" if is_held else "it saves itself and stops"
            line = f"Run {title_of(one)}: {change}. To go on: bptt release {one.id}"
            return line, {"held": int(is_held)}

        steer(find_all(client, targets), hold_grid, hold_run, as_json)
