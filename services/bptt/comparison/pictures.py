"""The pictures of a grid, those of each problem by themselves."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bptt.comparison.facets import Facet, facets_of
from bptt.comparison.gallery import Gallery
from bptt.comparison.judged import Judged

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
    shown: Judged,
    runs: Path,
    *,
    title: str,
    kind: Format = "png",
) -> list[DrawnPicture]:
    """Return the pictures of a grid, for each of its problems and what there is over all of them.

    Args:
        shown: the points, and the axes that distinguish configurations; only over what is not
            among these is anything averaged.
        runs: the folder of all runs; runs without a folder are in no picture.
        title: of the grid.
        kind: of the files.
    """
    facets = facets_of(shown.points)
    drawn = [(facet, one) for facet in facets for one in Gallery(facet, runs, title, shown).shown()]
    if len(facets) > 1:
        over = Facet("", f"over {len(facets)} problems", (), tuple(shown.points))
        drawn += [(over, one) for one in Gallery(over, runs, title, shown).over_problems()]
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
