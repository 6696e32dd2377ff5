"""`bptt release`: lets held runs start."""

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
def release(targets: tuple[str, ...], as_json: bool) -> None:
    """Let held grids or single runs start.

    This also opens a grid that was held because its first run failed.
    """
    with connected() as client:

        def release_grid(one: "Found") -> Done:
            released = client.release_grid(one.id)
            line = f"Grid {title_of(one)}: released, {counted(released, 'run')} queued."
            return line, {"queued": released}

        def release_run(one: "Found") -> Done:
            client.release_run(one.id)
            return f"Run {title_of(one)}: released.", {"queued": 1}

        steer(find_all(client, targets), release_grid, release_run, as_json)
