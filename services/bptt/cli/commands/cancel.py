"""`bptt cancel`: stops runs that are no longer wanted."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bptt.cli.confirmation import confirm
from bptt.cli.connection import connected, find_all
from bptt.cli.options import json_option, targets_argument, yes_option
from bptt.cli.run_words import ended, title_of
from bptt.cli.steering import Done, steer
from bptt.counted import counted

if TYPE_CHECKING:
    from bptt.records.naming import Found


@click.command()
@targets_argument
@yes_option
@json_option("list instead of lines")
def cancel(targets: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Cancel grids, after asking, or single runs.

    Waiting runs are cancelled at once, running ones once their process has saved and is gone. What
    a run has measured so far stays. To run it after all: bptt retry.
    """
    with connected() as client:
        found = find_all(client, targets)
        named = [one for one in found if one.kind == "grid"]
        grids = [client.grid(one.id) for one in named]
        left = sum(grid.points - ended(grid) - grid.missing for grid in grids)
        if left:
            names = ", ".join(map(title_of, named))
            confirm(f"Cancel {counted(left, 'run')} of {names}?", yes)

        def cancel_grid(one: "Found") -> Done:
            answer = client.cancel_grid(one.id)
            change = f"cancelled {answer.cancelled:,}, stopping {answer.stopping:,}"
            return f"Grid {title_of(one)}: {change}.", asdict(answer)

        def cancel_run(one: "Found") -> Done:
            is_over = client.cancel_run(one.id).status == "cancelled"
            content = {"cancelled": int(is_over), "stopping": int(not is_over)}
            return f"Run {title_of(one)}: {'cancelled' if is_over else 'stopping'}.", content

        steer(found, cancel_grid, cancel_run, as_json)
