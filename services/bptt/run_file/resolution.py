"""From the points of a file to the request: models complete, no two points equal."""

import bisect
from collections.abc import Mapping, Sequence

from bptt.grid_spec import GridPoints, GridSpec
from bptt.run_file.axes import Labels, find_axes
from bptt.run_file.consistency import Trial
from bptt.run_file.contents import PART, PARTS, Content, Contents, Row, shown
from bptt.run_file.expansion import Expansion
from bptt.run_file.reading import Reading
from bptt.run_file.request import GridRequest


def resolve(
    contents: Contents,
    expansion: Expansion,
    trial: Trial,
    labels: Mapping[str, str | None],
    default_name: str,
    reading: Reading,
) -> GridRequest:
    """Return the request for a file without faults.

    Args:
        contents: of every section.
        expansion: the points as the file has them.
        trial: what came of constructing each plugin once.
        labels: name and project as far as the file gives them.
        default_name: what a grid is called otherwise.
        reading: of the file; takes the faults.

    Raises:
        InvalidSpec: two points are equal.
    """
    task, model = PART["task"], PART["model"]
    rows = [
        (*row[:model], trial.completed[row[task], row[model]], *row[model + 1 :])
        for row in expansion.rows
    ]
    tables = contents.tables
    axes = find_axes(tables, expansion.rows, expansion.order)
    if len(set(rows)) < len(rows):
        _note_twins(rows, expansion, tables, Labels(axes, tables), reading)
        reading.faults.raise_if_any()
    tasks = {tables["task"][row[task]].branch.name for row in rows}
    name = labels["name"] or default_name
    one_task = next(iter(tasks)) if len(tasks) == 1 else name
    sections = {part: [content.value for content in tables[part]] for part in PARTS}
    points = GridPoints({**sections, "model": trial.models}, rows)
    spec = GridSpec(name, labels["project"] or one_task, axes, points)
    run_name = None if reading.grid else labels["name"]
    return GridRequest(
        spec, expansion.rows, tables, trial, run_name, expansion.notes, reading.files.used
    )


def _note_twins(
    rows: Sequence[Row],
    expansion: Expansion,
    tables: Mapping[str, Sequence[Content]],
    labels: Labels,
    reading: Reading,
) -> None:
    """Note the first twin that the product holds, and that each element of `include` adds."""
    begins = [begin for begin, _ in expansion.included]
    first: dict[Row, int] = {}
    for number, row in enumerate(rows):
        twin = first.setdefault(row, number)
        if twin == number:
            continue
        what = shown(labels.values(expansion.rows[twin])) or "the only one"
        element = bisect.bisect_right(begins, number) - 1
        if element >= 0:
            place = expansion.included[element][1]
            message = f"include adds a point that is there already: point {twin} ({what})."
            reading.faults.add(f"include[{element}]", place, message)
            continue
        # only what completes a model can make points of the product equal
        content = tables["model"][expansion.rows[number][PART["model"]]]
        other = shown(labels.values(expansion.rows[number]))
        message = (
            f"points {twin} and {number} are equal once every default is filled in: {what} and "
            f"{other}."
        )
        place = next(iter(content.places.values()), content.place)
        reading.faults.add("model", place, message)
