"""Small multiples: panels with the same scales, a title each, and one legend for all."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bptt.figures import style


class Size(NamedTuple):
    """Inches across and upwards."""

    across: float
    upwards: float


ONE, SEVERAL = Size(6.4, 3.6), Size(2.75, 2.1)
"""Of a panel that is alone, and of one of several."""
NARROWEST = 6.4
"""Inches; the words around a narrower picture would be a column."""
PER_INCH = 13
"""Characters of a title, at 11 points."""
BEGINNING = 0.12
"""Inches to the left of the words around the panels."""
ROOM = 40
"""Characters of a line of them, so that a telephone, 3.5 inches of a picture, shows all of it."""
HANDLE = 8
"""Characters that the line before a name in the legend takes."""
JOINED = "\u00a0"
"""A space at which no line ends."""
LINE = 0.2
"""Inches of a line of words."""
MARGINS = style.Margins(0.85, 0.2, 0.6, 0.15)
"""Around the panels, without titles and legend."""


class Counted(Protocol):
    """What is drawn of a configuration."""

    @property
    def n(self) -> int:
        """Seeds that it is taken over."""


Line = TypeVar("Line", bound=Counted)


@dataclass(frozen=True)
class Panel(Generic[Line]):
    """One panel."""

    title: str
    """Which points it is of; empty if there is no other."""
    lines: Mapping[str, Line]
    """By their names in the legend."""


@dataclass(frozen=True)
class Words:
    """What stands around the panels."""

    what: str
    """What is drawn, in a few words."""
    of: str
    """Of which grid, and which part of it."""
    lines: str = ""
    """The axis that lines are values of, over the legend."""
    columns: int = 3
    """Panels next to each other."""


class Multiples(Generic[Line]):
    """A picture of panels; iterating over it yields each panel with its axes.

    The place of everything is computed: matplotlib's search for it takes longer than drawing.

    Args:
        panels: from left to right and downwards; at least one.
        words: around them.
        size: of each panel; none: the usual.
        aside: inches to the right of the panels.
        below: inches that labels of the horizontal axis need beyond a line of numbers.
    """

    def __init__(
        self,
        panels: Sequence[Panel[Line]],
        words: Words,
        *,
        size: Size | None = None,
        aside: float = 0.0,
        below: float = 0.0,
    ) -> None:
        self._panels = panels
        self._words = words
        self._columns = min(words.columns, len(panels))
        self._rows = -(-len(panels) // self._columns)
        self._size = size or (ONE if len(panels) == 1 else SEVERAL)
        self._aside, self._below = aside, below
        self.figure: Figure = style.new_figure(1, 1, style.Margins(0, 0, 0, 0))
        names = dict.fromkeys(name for panel in panels for name in panel.lines)
        self.places = {name: place for place, name in enumerate(names)}
        """Of each line among all of them: its colour and dash, the same in every panel."""
        grid = self.figure.subplots(
            self._rows, self._columns, sharex=True, sharey=True, squeeze=False
        )
        self._axes: list[Axes] = list(grid.flat)
        for axes in self._axes:
            axes.tick_params(labelsize=10)
            axes.locator_params(nbins=style.TICKS)
            axes.grid(alpha=0.25)
        self._titles = [self._titled(panel) for panel in panels]

    def __iter__(self) -> Iterator[tuple[Axes, Panel[Line]]]:
        yield from zip(self._axes, self._panels, strict=False)

    def finish(self, across: str, upwards: str, *told: str, more: Sequence[Any] = ()) -> Figure:
        """Write the words around the panels and the legend, and return the picture.

        Args:
            across: what stands on the horizontal axis.
            upwards: what stands on the vertical one.
            told: what else there is to say below the title.
            more: lines of the legend that are not configurations.
        """
        for number, axes in enumerate(self._axes):
            if number >= len(self._panels):
                axes.set_visible(False)
                continue
            axes.set_title(self._titles[number], fontsize=11)
            if number % self._columns == 0:
                axes.set_ylabel(upwards, fontsize=10)
            if number + self._columns >= len(self._panels):
                axes.set_xlabel(across, fontsize=10)
                axes.tick_params(labelbottom=True)
        content = self._size.across * self._columns + 0.15 * (self._columns - 1)
        width = max(MARGINS.left + content + MARGINS.right + self._aside, NARROWEST)
        # a number is not parted from what it counts
        count = self._common_n().replace(" ", JOINED)
        said = "; ".join(filter(None, [self._words.of, *told, count]))
        heads = [*textwrap.wrap(self._words.what, ROOM), *textwrap.wrap(said, ROOM)]
        heads = [line.replace(JOINED, " ") for line in heads]
        self._place(width, len(heads), self._legend(width, more))
        # at the left, where somebody begins who has to scroll
        place = {"x": BEGINNING / width, "y": 0.995, "ha": "left", "va": "top"}
        self.figure.suptitle("\n".join(heads), fontsize=11, **place)
        return self.figure

    def _place(self, width: float, heads: int, legend: float) -> None:
        """Give the figure its size and everything its place; see `finish`."""
        titles = max(title.count("\n") + 1 for title in self._titles) if any(self._titles) else 0
        gap = LINE * titles + 0.2
        top = MARGINS.top + LINE * (heads + titles)
        bottom = MARGINS.bottom + legend + self._below
        height = top + bottom + self._size.upwards * self._rows + gap * (self._rows - 1)
        self.figure.set_size_inches(width, height)
        self.figure.subplots_adjust(
            left=MARGINS.left / width,
            right=1 - (MARGINS.right + self._aside) / width,
            bottom=bottom / height,
            top=1 - top / height,
            wspace=0.15 / self._size.across,
            hspace=gap / self._size.upwards,
        )

    def _legend(self, width: float, more: Sequence[Any]) -> float:
        """Draw the legend below the panels; return the inches that it takes."""
        handles: dict[str, Any] = {}
        for axes in self._axes:
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(name, handle)
        order = sorted(handles, key=lambda name: self.places.get(name, len(self.places)))
        shown = [(handles[name], self._named(name)) for name in order if name]
        shown += [(one, str(one.get_label())) for one in more]
        if not shown:
            return 0.0
        shown = [(one, textwrap.fill(name, ROOM - HANDLE)) for one, name in shown]
        longest = max(len(line) for _, name in shown for line in name.splitlines()) + HANDLE
        columns = max(1, min(len(shown), ROOM // longest))
        if any("\n" in name for _, name in shown):
            columns = 1
        title = self._words.lines if any(name in self.places for name in order) else ""
        self.figure.legend(
            *zip(*shown, strict=True),
            loc="lower left",
            bbox_to_anchor=(BEGINNING / width, 0.0),
            borderaxespad=0.3,
            borderpad=0.0,
            ncols=columns,
            frameon=False,
            alignment="left",
            fontsize=10,
            title=title or None,
            title_fontsize=10,
        )
        lines = [1 + name.count("\n") for _, name in shown]
        # one below the other, each may be of several lines
        rows = sum(lines) if columns == 1 else -(-len(shown) // columns)
        return LINE * (rows + bool(title)) + 0.15

    def _counts(self) -> set[int]:
        return {line.n for panel in self._panels for line in panel.lines.values()}

    def _common_n(self) -> str:
        counts = self._counts()
        return f"n = {min(counts)} seed{'s' * (min(counts) > 1)}" if len(counts) == 1 else ""

    def _named(self, name: str) -> str:
        """Return what a line is called, with its seeds where a title does not say them."""
        shown = name.removeprefix(f"{self._words.lines}=")
        if len(self._counts()) == 1 or len(self._panels) > 1 or name not in self.places:
            return shown
        return f"{shown} (n={self._panels[0].lines[name].n})"

    def _titled(self, panel: Panel[Line]) -> str:
        """Return a panel's title, with the seeds of its lines where they are not all alike."""
        told = ""
        if len(self._counts()) > 1 and len(self._panels) > 1:
            sizes = [panel.lines[name].n if name in panel.lines else 0 for name in self.places]
            told = f"n={', '.join(map(str, sizes if len(set(sizes)) > 1 else sizes[:1]))}"
        room = int(self._size.across * PER_INCH)
        return "\n".join(filter(None, [*textwrap.wrap(panel.title, room), told]))
