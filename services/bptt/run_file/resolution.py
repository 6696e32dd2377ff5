"""From the points of a file to the request: models complete, no two points equal.

Values that equal a default are left out, so that the same training is the same run.
"""

import bisect
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from bptt.grid_spec import GridPoints, GridSpec
from bptt.run_file.axes import Labels, find_axes
from bptt.run_file.consistency import Trial
from bptt.run_file.contents import PART, PARTS, Contents, Row, SectionContent, shown
from bptt.run_file.expansion import Expansion
from bptt.run_file.reading import Reading
from bptt.run_file.request import GridRequest
from bptt.section import Section
from bptt.spec import StatisticsSpec, TrainingSpec, default_interval

SomeSection = TypeVar("SomeSection", bound=Section)
COMPLETED = ("model", "training", "statistics")
"""Sections in which defaults are written out."""


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
        trial: the result of constructing each plugin once.
        labels: name and project, as far as the file gives them.
        default_name: the grid's name otherwise.
        reading: of the file; receives the faults.

    Raises:
        InvalidSpec: two points are equal.
    """
    tables = contents.tables
    defaults = Defaults(tables)
    rows = [_complete(row, trial, defaults) for row in expansion.rows]
    axes = find_axes(tables, expansion.rows, expansion.order)
    if len(set(rows)) < len(rows):
        _note_twins(rows, expansion, tables, Labels(axes, tables), reading)
        reading.faults.raise_if_any()
    tasks = {tables["task"][row[PART["task"]]].branch.name for row in rows}
    name = labels["name"] or default_name
    one_task = next(iter(tasks)) if len(tasks) == 1 else name
    sections: dict[str, Sequence[Any]] = {
        part: [content.value for content in tables[part]] for part in PARTS
    }
    sections |= {"model": trial.models}
    sections |= {"training": defaults.training, "statistics": defaults.statistics}
    points = GridPoints(sections, rows)
    spec = GridSpec(name, labels["project"] or one_task, axes, points)
    run_name = None if reading.grid else labels["name"]
    return GridRequest(
        spec, expansion.rows, tables, trial, run_name, expansion.notes, reading.files.used
    )


class Defaults:
    """Sections without the values that equal a default.

    Args:
        tables: the contents of every section.
    """

    def __init__(self, tables: Mapping[str, Sequence[SectionContent]]) -> None:
        self.training = [cast(TrainingSpec, content.value) for content in tables["training"]]
        self.statistics = [cast(StatisticsSpec, c.value) for c in tables["statistics"]]
        self._found: dict[tuple[int, int], tuple[int, int]] = {}

    def places(self, training: int, statistics: int) -> tuple[int, int]:
        """Return the positions in both lists for a point whose file has these contents."""
        given = training, statistics
        if given not in self._found:
            how, measured = self.training[training], self.statistics[statistics]
            if how.truncation is not None and how.truncation_every == how.truncation:
                how = how.model_copy(update={"truncation_every": None})
            if measured.interval == default_interval(how.steps):
                measured = measured.model_copy(update={"interval": None})
            self._found[given] = _place(how, self.training), _place(measured, self.statistics)
        return self._found[given]


def _place(value: SomeSection, values: list[SomeSection]) -> int:
    """Return the position of a value in a list, adding it if necessary."""
    if value not in values:
        values.append(value)
    return values.index(value)


def _complete(row: Row, trial: Trial, defaults: Defaults) -> Row:
    """Return a point whose model is complete and which writes out no default."""
    found = list(row)
    training, statistics = PART["training"], PART["statistics"]
    found[PART["model"]] = trial.completed[row[PART["task"]], row[PART["model"]]]
    found[training], found[statistics] = defaults.places(row[training], row[statistics])
    return tuple(found)


def _note_twins(
    rows: Sequence[Row],
    expansion: Expansion,
    tables: Mapping[str, Sequence[SectionContent]],
    labels: Labels,
    reading: Reading,
) -> None:
    """Note the first duplicate in the product and in what each `include` adds."""
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
        # only completing or leaving out defaults can make points of the product equal
        raw = expansion.rows[number]
        section = next(
            (s for s in COMPLETED if raw[PART[s]] != expansion.rows[twin][PART[s]]), "model"
        )
        content = tables[section][raw[PART[section]]]
        other = shown(labels.values(expansion.rows[number]))
        message = (
            f"points {twin} and {number} are equal once every default is filled in: {what} and "
            f"{other}."
        )
        place = next(iter(content.places.values()), content.place)
        reading.faults.add(section, place, message)
