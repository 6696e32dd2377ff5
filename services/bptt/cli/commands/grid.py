"""`bptt grid`: what a grid file describes, without running any of it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bptt.api import application_socket
from bptt.cli.connection import connected, current_settings
from bptt.cli.listing import print_rows, say
from bptt.cli.options import json_option, set_option
from bptt.cli.output import print_json
from bptt.counted import counted
from bptt.registry.wording import show as show_value

if TYPE_CHECKING:
    from bptt.api.answers import AxisValues, Preview

MOST_VALUES = 12
"""How many values of a long axis are shown."""
OF_QUEUE = ("seconds", "least", "most", "may_stop", "slots", "foreseen")
"""What a preview says of time and queue, which a grid file alone does not tell."""
DIGITS = 12
"""Characters of an identity, enough to tell runs apart."""


@click.command()
@click.argument("file")
@set_option()
@json_option("object instead of tables")
def grid(file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check the grid that FILE describes and show its axes and points; nothing is run.

    FILE is a run file in which every list is an axis. All errors are reported at once, with their
    lines, and give exit code 2.
    """
    described = _described(file, overrides)
    if as_json:
        print_json(as_json_object(described))
        return
    print_grid(described)


def _described(file: str, overrides: tuple[str, ...]) -> "Preview":
    settings = current_settings()
    if settings.server or application_socket(settings.home).exists():
        with connected() as client:
            return client.preview(file, overrides)
    # without the queue: neither it nor the database is used
    from bptt.api.preview import preview
    from bptt.run_file import read_grid_file

    return preview(read_grid_file(file, overrides))


def print_grid(grid: "Preview") -> None:
    """Print a grid's axes and points, and its notes to stderr."""
    for note in grid.notes:
        click.echo(note, err=True)
    sizes = f"{counted(grid.points, 'point')}, {counted(grid.seeds, 'seed')}"
    say(f"{grid.name} (project {grid.project}): {sizes}\n")
    if grid.axes:
        print_rows(["axis", "values", "only of"], axis_rows(grid.axes))
        click.echo()
    print_rows(["point", "run", "identity"], _point_rows(grid))
    # unknown while a file is missing
    work = f" and {grid.flops:.1e} floating point operations" if grid.flops else ""
    say(f"\nAt most {grid.updates:,} updates{work} (counted by a model, not measured).")


def axis_rows(axes: "Sequence[AxisValues]") -> list[list[str]]:
    """Return a row for each axis: path, values, and the only plugin it belongs to."""
    return [[axis.path, _values(axis), axis.within or ""] for axis in axes]


def _values(axis: "AxisValues") -> str:
    values = list(axis.values)
    count = axis.count or len(values)
    whole = [*range(len(values) - 1), count - 1]
    if axis.path == "seed" and len(values) > 2 and values == whole:
        return f"0 .. {count - 1:,}"
    shown = [
        value if isinstance(value, str) else show_value(value).removesuffix(".0")
        for value in values
    ]
    if len(shown) > MOST_VALUES:
        shown[MOST_VALUES - 1 : -1] = ["..."]
    return ", ".join(shown)


def _point_rows(grid: "Preview") -> list[list[str]]:
    first, last = (
        [[f"{point.number:,}", point.label, point.identity[:DIGITS] or "-"] for point in points]
        for points in (grid.first, grid.last)
    )
    left_out = grid.points > len(first) + len(last)
    return [*first, *([["...", "", ""]] if left_out else []), *last]


def as_json_object(grid: "Preview", queued: bool = False) -> dict[str, Any]:
    """Return a grid as `--json` prints it, with time and queue if it is to be `queued`."""
    points = [*grid.first, *grid.last]
    content = asdict(grid)
    of_queue = {name: content.pop(name) for name in OF_QUEUE}
    content["first"], content["last"] = (
        {"number": p.number, "name": p.name, "values": p.values, "identity": p.identity}
        for p in (points[0], points[-1])
    )
    return content | of_queue if queued else content
