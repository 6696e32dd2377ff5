"""`GridSpec`: what a grid file expands to; a million points in little memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

from bptt.section import Section
from bptt.spec import SECTIONS, RunSpec, join_sections, section_text


@dataclass(frozen=True)
class Axis:
    """What varies between the points of a grid."""

    path: str
    """`optimizer.lr`; a bare section (`cell`) for its name; `seed`."""
    values: tuple[Any, ...]
    """In the order of the points."""
    within: str = ""
    """The only plugin or optimiser it belongs to, if the section names several."""


@dataclass(frozen=True)
class GridPoints(Sequence[RunSpec]):
    """The points of a grid, each made on demand, so that a million of them fit in memory."""

    sections: Mapping[str, Sequence[Section]]
    """The distinct contents of every section but the seed."""
    rows: Sequence[tuple[int, ...]]
    """For each point the position of every section's content in `sections`, then the seed."""

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, position: int) -> RunSpec: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[RunSpec]: ...
    def __getitem__(self, position: int | slice) -> "RunSpec | Sequence[RunSpec]":
        if isinstance(position, slice):
            return GridPoints(self.sections, self.rows[position])
        *row, seed = self.rows[position]
        contents: dict[str, Any] = {
            name: self.sections[name][i] for name, i in zip(SECTIONS, row, strict=False)
        }
        # every section was validated when it was made
        return RunSpec.model_construct(**contents, seed=seed)

    def numbers(self, section: str) -> Iterator[int]:
        """Yield for every point which of the section's distinct contents it holds."""
        column = SECTIONS.index(section)
        return (row[column] for row in self.rows)

    def canonical(self, position: int) -> str:
        """Return the canonical text of a point, like its spec's `canonical`, but fast."""
        *row, seed = self.rows[position]
        texts = {name: self.texts[name][i] for name, i in zip(SECTIONS, row, strict=False)}
        return join_sections({**texts, "seed": str(seed)})

    @cached_property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """The distinct contents of every section but the seed, as canonical text."""
        return {name: [section_text(c) for c in held] for name, held in self.sections.items()}


@dataclass(frozen=True)
class GridSpec:
    """A stored set of expected runs, from one file."""

    name: str
    project: str
    axes: tuple[Axis, ...]
    points: GridPoints
