"""What is said of a picture: around its panels, below it, and to who cannot see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bptt.comparison.curves import Curves
from bptt.comparison.judged import Judged
from bptt.comparison.layout import Sheet
from bptt.comparison.wording import listed
from bptt.counted import counted

if TYPE_CHECKING:
    from bptt.figures import Words

TITLES = 6
"""How many panels are named one by one to who cannot see them."""
Place = tuple[str, str]
"""The title of a panel, and the name of a line in it."""


@dataclass(frozen=True)
class Kind:
    """What pictures of one kind are called."""

    name: str
    what: str
    """In a few words: the title."""
    told: str
    """How to read it, in sentences."""
    without_diverged: bool = False
    unless_all: bool = False
    """Whether those of a line are shown nevertheless where all of its runs diverged."""


@dataclass(frozen=True)
class Read:
    """What the runs of pictures measured."""

    curves: Mapping[Place, Sequence[Curves]]
    absent: int
    """Runs whose folders are not here."""
    without_curves: int = 0
    """Runs that diverged, of a picture that needs no curves."""

    def diverged(self, *, unless_all: bool = False) -> int:
        """Return how many runs diverged; without lines of which all did, if these are shown."""
        lines = [[one.diverged for one in held] for held in self.curves.values()]
        left = sum(sum(line) for line in lines if not (unless_all and all(line)))
        return left + self.without_curves


@dataclass(frozen=True)
class Captions:
    """The words of one picture."""

    title: str
    """Of the grid."""
    problem: str
    """Empty: it is the grid's only one."""
    averaged: Sequence[str]
    """Axes that it is a mean over."""
    judged: Judged
    """What it shows of a tuned comparison."""
    kind: Kind
    sheet: Sheet
    read: Read | None
    """None: it is drawn from results alone."""

    def around(self) -> "Words":
        """Return the words around the panels."""
        from bptt.figures import Words

        sheet = self.sheet
        of = [self.title, sheet.part]
        of += [self.judged.title]
        of += [f"mean over {', '.join(self.averaged)}"] if self.averaged else []
        of += [self._few()] if sheet.left_out else []
        of += [f"without {self._diverged()} diverged"] if self._diverged() else []
        lines = sheet.lines.name if sheet.lines else ""
        return Words(self.kind.what, ", ".join(filter(None, of)), lines, sheet.columns)

    def alt(self) -> str:
        """Return what is to be seen."""
        sheet = self.sheet
        parts = [f"{self._what()}."]
        if sheet.lines:
            parts.append(f"Lines: {', '.join(sheet.lines.values)}.")
        titles = [panel.title for panel in sheet.panels if panel.title]
        if 0 < len(titles) <= TITLES:
            parts.append(f"Panels: {'; '.join(titles)}.")
        elif titles:
            parts.append(f"{len(titles)} panels, by {self._over()}.")
        return " ".join(parts)

    def caption(self) -> str:
        """Return how to read it."""
        told = [f"{self._what()}.", self.kind.told, self._axes()]
        told.append(self.judged.told)
        if self.averaged:
            told.append(f"Averaged over {listed(self.averaged)} within each seed, as --by asks.")
        if self.sheet.left_out:
            few = self._few()
            told.append(f"{few[:1].upper()}{few[1:]}; --by and --filter choose others.")
        if self._diverged():
            told.append(f"It leaves out {counted(self._diverged(), 'run')} that diverged.")
        if self.read and self.read.absent:
            whose = counted(self.read.absent, "run")
            told.append(f"The folders of {whose} are not on this machine, or damaged.")
        return " ".join(filter(None, told))

    def _what(self) -> str:
        what, part = self.kind.what, self.sheet.part
        if self.problem:
            what = f"{self.problem}: {what[:1].lower()}{what[1:]}"
        return f"{what} ({part})" if part else what

    def _axes(self) -> str:
        """Return what lines and panels are."""
        parts = [f"lines by {self.sheet.lines.name}"] if self.sheet.lines else []
        parts += [f"panels by {self._over()}"] if self.sheet.over else []
        said = ", ".join(parts)
        return f"{said[:1].upper()}{said[1:]}." if said else ""

    def _over(self) -> str:
        return listed([one.name for one in self.sheet.over])

    def _few(self) -> str:
        shown = len(self.sheet.panels)
        total = shown + self.sheet.left_out
        return f"the {shown} panels of {total} with the best configurations"

    def _diverged(self) -> int:
        if self.read is None or not self.kind.without_diverged:
            return 0
        return self.read.diverged(unless_all=self.kind.unless_all)
