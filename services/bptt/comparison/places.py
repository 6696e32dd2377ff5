"""What lines of pictures show, by where they are drawn."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from bptt.comparison.captions import Place, Read
from bptt.comparison.curves import Curves
from bptt.comparison.layout import Sheet, Variable
from bptt.comparison.point import ComparedPoint
from bptt.comparison.rates import solved_share

if TYPE_CHECKING:
    from bptt.figures import Rates

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


def rates_along(along: Variable, points: Sequence[ComparedPoint]) -> "Rates | None":
    """Return how often points solved the task, for each value of a variable."""
    from bptt.figures import Rate, Rates

    shares = [solved_share([p for p in points if along.of(p) == one]) for one in along.values]
    if not any(shares):
        return None
    return Rates(
        [
            None if one is None else Rate(one.estimate, one.low or 0.0, one.high or 0.0, one.n)
            for one in shares
        ]
    )
