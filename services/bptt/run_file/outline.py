"""What can be said about a grid with files still missing: its points, but not what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from bptt.content import NamedContent
from bptt.grid_spec import Axis
from bptt.run_file.axes import Labels, find_axes
from bptt.run_file.contents import PART, Contents
from bptt.run_file.expansion import Expansion
from bptt.run_file.files import Files
from bptt.spec import TrainingSpec

ENDS = (5, 2)
"""How many points of a long grid are described at its beginning and its end."""


@dataclass(frozen=True)
class OutlinedPoint:
    """One point, without an identity: that depends on the content of its files."""

    number: int
    label: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class GridOutline:
    """A grid whose plugins that read files were not constructed."""

    name: str
    project: str
    axes: tuple[Axis, ...]
    points: int
    seeds: int
    updates: int
    """For all points together, at most."""
    ends: Sequence[OutlinedPoint]
    """All points of a short grid, the first and last ones of a long grid."""
    lacking: Sequence[NamedContent]
    """The files whose content is not here."""
    notes: Sequence[str]


def outline(
    contents: Contents,
    expansion: Expansion,
    labels: Mapping[str, str | None],
    default_name: str,
    files: Files,
) -> GridOutline:
    """Return the outline of a grid without faults.

    Args:
        contents: of every section.
        expansion: the points as the file has them.
        labels: name and project, as far as the file gives them.
        default_name: the grid's name otherwise.
        files: that it names.
    """
    tables, rows = contents.tables, expansion.rows
    axes = find_axes(tables, rows, expansion.order)
    named = Labels(axes, tables)
    tasks = {tables["task"][row[PART["task"]]].branch.name for row in rows}
    name = labels["name"] or default_name
    steps = [cast(TrainingSpec, content.value).steps for content in tables["training"]]
    first, last = ENDS
    whole = len(rows) <= first + last + 1
    numbers = [n for n in range(len(rows)) if whole or n < first or n >= len(rows) - last]
    by_hash = {one.sha256: one for one in files.used.values()}
    return GridOutline(
        name=name,
        project=labels["project"] or (tasks.pop() if len(tasks) == 1 else name),
        axes=axes,
        points=len(rows),
        seeds=len({row[-1] for row in rows}),
        updates=sum(steps[row[PART["training"]]] for row in rows),
        ends=[
            OutlinedPoint(number, f"{named.config(row) or name} seed={row[-1]}", named.values(row))
            for number in numbers
            for row in [rows[number]]
        ],
        lacking=[by_hash[digest] for digest in files.lacking()],
        notes=expansion.notes,
    )
