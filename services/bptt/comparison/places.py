"""What lines of pictures show, by where they are drawn."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bptt.comparison.captions import Place, Read
from bptt.comparison.curves import Curves
from bptt.comparison.layout import Sheet
from bptt.comparison.point import ComparedPoint

T = TypeVar("T")


def by_sheet(sheets: Sequence[Sheet], found: Mapping[Place, T]) -> list[Mapping[Place, T]]:
    """Return what was found, for each picture."""
    titles = [{panel.title for panel in sheet.panels} for sheet in sheets]
    return [{place: one for place, one in found.items() if place[0] in held} for held in titles]


def of_points(
    sheet: Sheet, measure: Callable[[Sequence[ComparedPoint]], T | None]
) -> dict[Place, T]:
    """Return a figure of the points of each line; one that has none is left out."""
    found = {
        (panel.title, name): measure(points)
        for panel in sheet.panels
        for name, points in panel.lines.items()
    }
    return {place: one for place, one in found.items() if one is not None}


def of_runs(read: Read, measure: Callable[[Sequence[Curves]], T | None]) -> dict[Place, T]:
    """Return a figure of the runs of each line; one that has none is left out."""
    found = {place: measure(held) for place, held in read.curves.items()}
    return {place: one for place, one in found.items() if one is not None}
