"""The pictures of a grid, those of each problem by themselves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bptt.comparison.axes import find_axes
from bptt.comparison.facets import Facet, facets_of
from bptt.comparison.gallery import Gallery
from bptt.comparison.point import ComparedPoint

if TYPE_CHECKING:
    from bptt.figures import Figure

Format = Literal["png", "svg"]


@dataclass(frozen=True)
class DrawnPicture:
    """One picture and what it shows."""

    name: str
    """Name of its file, without the extension."""
    task: str
    problem: str
    """Of which comparison it is."""
    alt: str
    """What is to be seen, for who cannot see it."""
    caption: str
    """How to read it."""
    content: bytes


def draw_pictures(
    points: Sequence[ComparedPoint],
    runs: Path,
    *,
    title: str,
    by: Sequence[str] = (),
    kind: Format = "png",
) -> list[DrawnPicture]:
    """Return the pictures of a grid, for each of its problems and what there is over all of them.

    Args:
        points: all of the grid's.
        runs: the folder of all runs; runs without a folder are in no picture.
        title: of the grid.
        by: axes that distinguish configurations; none: all but the seed. Only over what is not
            among them is anything averaged.
        kind: of the files.

    Raises:
        InvalidSpec: an axis that this grid does not have.
    """
    axes = find_axes(by, points)
    facets = facets_of(points)
    drawn = [(facet, one) for facet in facets for one in Gallery(facet, runs, title, axes).shown()]
    if len(facets) > 1:
        over = Facet("", f"over {len(facets)} problems", (), tuple(points))
        drawn += [(over, one) for one in Gallery(over, runs, title, axes).over_problems()]
    return [
        DrawnPicture(
            _slug(f"{facet.title}_{one.name}" if len(facets) > 1 else one.name),
            facet.task,
            facet.problem,
            one.alt,
            one.caption,
            _save(one.figure, kind),
        )
        for facet, one in drawn
    ]


def _slug(title: str) -> str:
    return re.sub(r"[^\w.-]+", "_", title)


def _save(figure: "Figure", kind: Format) -> bytes:
    from bptt.figures.style import to_bytes

    return to_bytes(figure, kind)
