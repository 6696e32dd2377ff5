"""`Gallery`: the figures of one problem, each with the words that belong to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bptt.comparison import layout
from bptt.comparison.axes import axes_of
from bptt.comparison.captions import Captions, Kind, Place, Read
from bptt.comparison.curves import SERIES, Curves, flow_map, over_lag, over_training, read_curves
from bptt.comparison.facets import TASK, Facet, facets_of
from bptt.comparison.judged import Judged
from bptt.comparison.layout import Sheet, Variable
from bptt.comparison.metrics import deciding_metric
from bptt.comparison.overview import overview
from bptt.comparison.places import by_sheet, of_points, of_runs, rates_along
from bptt.comparison.point import ComparedPoint
from bptt.comparison.table import compare
from bptt.comparison.tested_pictures import tested_pictures
from bptt.comparison.time_to_solve import solving
from bptt.errors import BpttError
from bptt.measuring.logged import CLIP_FRACTION, CLIPPED_NORM, GRAD_NORM, TRAIN_LOSS
from bptt.records.comparison import Comparison

if TYPE_CHECKING:
    from bptt.figures import Figure, Panel, Words
    from bptt.figures.multiples import Counted

T = TypeVar("T", bound="Counted")
HELD = (
    "one that solved the task keeps its last value until its budget (training.steps), and nothing "
    "is shown beyond where the first of them ended."
)


@dataclass(frozen=True)
class Shown:
    """A figure and its words."""

    name: str
    figure: "Figure"
    alt: str
    caption: str


class Gallery:
    """The figures of one problem.

    Args:
        facet: the problem.
        runs: the folder of all runs.
        title: of the grid.
        drawn: what of a comparison is, and by which axes.
    """

    def __init__(self, facet: Facet, runs: Path, title: str, drawn: Judged) -> None:
        by = drawn.by
        self._points = facet.points
        self._problem = facet.title if facet.problem else ""
        self._runs = runs
        self._metric = deciding_metric(facet.points)
        self._by, self._judged = by, drawn
        self._variables = layout.variables_of(facet.points, by)
        rest = [path for path in axes_of(facet.points) if by and path not in (*by, *drawn.tuned)]
        varied = {path for one in layout.variables_of(facet.points) for path in one.paths}
        self._averaged = [path for path in rest if path in varied]
        alone = self._problem and title == facet.task
        self._title = facet.title if alone else ", ".join(filter(None, [title, self._problem]))
        self._cache: dict[str, Curves | None] = {}

    def shown(self) -> Iterator[Shown]:
        """Yield every picture that has data."""
        yield from self._overview()
        if any(point.solved for point in self._points):
            yield from self._times()
            # of two with as many values, the one that is a quantity
            yield from self._rates([*filter(self._is_quantity, self._variables), *self._variables])
        for name, baseline in ((self._metric.name, self._metric.baseline), (TRAIN_LOSS.key, None)):
            yield from self._learning(name, baseline)
        yield from self._tested()
        yield from self._gradients()
        yield from self._clipping()

    def over_problems(self) -> Iterator[Shown]:
        """Yield what can be compared over problems: how often they were solved."""
        if any(point.solved for point in self._points):
            yield from self._rates([one for one in self._variables if one.section == TASK])

    def _overview(self) -> Iterator[Shown]:
        """Yield all configurations in one picture, where not each has a panel."""
        if found := overview(self._compared[0]):
            yield from self._draw(*found)

    def _times(self) -> Iterator[Shown]:
        """Yield the share of runs that solved the task, over updates."""
        from bptt.figures import solving_curves

        most = max(float((point.result or {}).get("step", 0)) for point in self._points)
        kind = Kind(
            "time_to_solve",
            "Solved, over training",
            "The share of runs that have solved the task after so many updates (1 minus Kaplan and "
            "Meier's estimate): further up and to the left is better. A run that ended unsolved "
            "counts until it ended; one that diverged never solves the task. A line ends at the "
            "budget of its runs (training.steps). Lines are drawn a little apart, so that those "
            "that coincide can be seen.",
        )
        sheets = self._sheets(self._lines())
        found = [of_points(sheet, partial(solving, farthest=most)) for sheet in sheets]
        yield from self._draw(kind, sheets, found, solving_curves)

    def _rates(self, variables: Sequence[Variable]) -> Iterator[Shown]:
        """Yield how often the task was solved, along the first variable with the most values."""
        from bptt.figures import success_rates

        along = layout.longest(variables)
        if along is None:
            return
        kind = Kind(
            "solved",
            f"Solved, by {along.name}",
            f"Share of ended runs that solved the task, by {along.name}; diverged runs did not.",
        )
        others = [one for one in self._variables if one != along]
        draw = partial(
            success_rates,
            values=[along.short(value) for value in along.values],
            axis=along.name,
            ordered=self._is_quantity(along),
        )
        sheets = self._sheets(layout.longest(others, layout.LINES), others)
        found = [of_points(sheet, partial(rates_along, along)) for sheet in sheets]
        yield from self._draw(kind, sheets, found, draw)

    def _is_quantity(self, variable: Variable) -> bool:
        values = [point.values.get(variable.paths[0]) for point in self._points]
        return all(isinstance(value, int | float) for value in values)

    def _learning(self, name: str, baseline: float | None) -> Iterator[Shown]:
        """Yield a metric over training."""
        from bptt.figures import learning_curves, spans_decades

        sheets = self._sheets(self._lines())
        read = self._read(sheets)
        bands = over_training(read.curves, name)
        if geometric := bool(bands) and spans_decades(list(bands.values())):
            bands = over_training(read.curves, name, log=True)
        kind = Kind(
            f"curve_{name}",
            f"{name} over training",
            f"{'Geometric means, all' if geometric else 'Means, all'} over the same runs: {HELD}",
            without_diverged=True,
        )
        draw = partial(learning_curves, metric=name, baseline=baseline)
        yield from self._draw(kind, sheets, by_sheet(sheets, bands), draw, read)

    def _tested(self) -> Iterator[Shown]:
        """Yield the metric against each option of the task that runs were tested with, too."""
        sheets = self._sheets(self._lines())
        read = Read({}, 0, sum(point.diverged for point in self._points))
        for kind, measure, draw in tested_pictures(self._points, self._metric.short):
            found = [of_points(sheet, measure) for sheet in sheets]
            yield from self._draw(kind, sheets, found, draw, read)

    def _gradients(self) -> Iterator[Shown]:
        """Yield the gradient through time: over the lag at the end, and over training."""
        from bptt.figures import gradient_bands, heat_map_group

        kind = Kind(
            "gradient_through_time",
            "Gradient through time at the end of training",
            "How much of the loss's gradient reaches a state k steps back, by its lag.",
        )
        sheets = self._sheets(self._lines())
        read = self._read(sheets)
        bands = of_runs(read, over_lag)
        yield from self._draw(kind, sheets, by_sheet(sheets, bands), gradient_bands, read)
        kind = Kind(
            "gradient_heat_maps",
            "Gradient through time over training",
            "The same over training: dark is vanished, orange is exploded. Every row is a mean "
            f"over the same runs: {HELD} A panel whose runs all diverged shows those until the "
            "first of them did.",
            without_diverged=True,
            unless_all=True,
        )
        sheets = self._sheets(None)
        read = self._read(sheets)
        maps = of_runs(read, flow_map)
        yield from self._draw(kind, sheets, by_sheet(sheets, maps), heat_map_group, read)

    def _clipping(self) -> Iterator[Shown]:
        """Yield what clipping did, where it did anything."""
        from bptt.figures import Norms, clipped_norms, clipped_shares

        sheets = self._sheets(self._lines("clipper"))
        read = self._read(sheets)
        shares = over_training(read.curves, CLIP_FRACTION.key)
        # where nothing was ever clipped there is nothing to see
        if not any((band.mean > 0).any() for band in shares.values()):
            return
        before = over_training(read.curves, GRAD_NORM.key, log=True)
        after = over_training(read.curves, CLIPPED_NORM.key, log=True)
        norms = {place: Norms(before[place], after[place]) for place in before if place in after}
        kind = Kind(
            "clipping_norms",
            "Norm of the whole gradient before and after clipping",
            "Geometric means; where the thin line and the thick one part, clipping acts. All are "
            f"over the same runs: {HELD}",
            without_diverged=True,
        )
        yield from self._draw(kind, sheets, by_sheet(sheets, norms), clipped_norms, read)
        told = f"Means, all over the same runs: {HELD}"
        kind = Kind("clipping_share", "How often the gradient is clipped", told, True)
        yield from self._draw(kind, sheets, by_sheet(sheets, shares), clipped_shares, read)

    def _lines(self, section: str = "") -> Variable | None:
        """Return what the lines of a picture are; `section` has precedence if it varies."""
        first = [one for one in self._variables if one.section == section]
        return layout.longest(first, layout.LINES) or layout.longest(self._variables, layout.LINES)

    def _sheets(
        self, lines: Variable | None, variables: Sequence[Variable] | None = None
    ) -> list[Sheet]:
        held = self._variables if variables is None else variables
        return layout.arrange(self._points, held, lines, lambda point: self._position[id(point)])

    @cached_property
    def _compared(self) -> list[Comparison]:
        return compare(self._points, self._by)

    @cached_property
    def _position(self) -> Mapping[int, int]:
        """The place of each point's configuration in the table, by the point's id."""
        found: dict[int, int] = {}
        # what is compared over all problems comes last
        for facet, one in zip(facets_of(self._points), self._compared, strict=False):
            places = {group.config: place for place, group in enumerate(one.groups)}
            names = facet.names(self._by)
            found |= {id(p): places[name] for p, name in zip(facet.points, names, strict=True)}
        return found

    def _read(self, sheets: Sequence[Sheet]) -> Read:
        """Return what the runs of pictures left in their folders."""
        curves: dict[Place, list[Curves]] = {}
        absent = 0
        for sheet in sheets:
            for panel in sheet.panels:
                for name, points in panel.lines.items():
                    ended = [self._curves(point) for point in points if point.result]
                    found = [one for one in ended if one is not None]
                    absent += len(ended) - len(found)
                    curves[panel.title, name] = found
        return Read(curves, absent)

    def _curves(self, point: ComparedPoint) -> Curves | None:
        """Return what a run measured; None if its folder is not here, or cannot be read."""
        if point.run_id not in self._cache:
            wanted = (self._metric.name, *SERIES)
            try:
                self._cache[point.run_id] = read_curves(
                    self._runs, point.run_id, point.seed, wanted, point.budget
                )
            # a damaged file concerns only that run, and is reported when it is shipped or shown
            except (OSError, ValueError, LookupError, TypeError, BpttError):
                self._cache[point.run_id] = None
        return self._cache[point.run_id]

    def _draw(
        self,
        kind: Kind,
        sheets: Sequence[Sheet],
        found: Sequence[Mapping[Place, T]],
        draw: "Callable[[Sequence[Panel[T]], Words, Sequence[T]], Figure]",
        read: Read | None = None,
    ) -> Iterator[Shown]:
        """Yield the pictures of what was found, if anything was."""
        from bptt.figures import Panel

        every = [one for held in found for one in held.values()]
        for sheet, held in zip(sheets, found, strict=True):
            panels = [
                Panel(panel.title, {n: held[panel.title, n] for n in names})
                for panel in sheet.panels
                if (names := [n for n in panel.lines if (panel.title, n) in held])
            ]
            if panels:
                words = Captions(
                    *(self._title, self._problem, self._averaged, self._judged, kind, sheet, read)
                )
                yield Shown(
                    "_".join(filter(None, [kind.name, sheet.part])),
                    draw(panels, words.around(), every),
                    words.alt(),
                    words.caption(),
                )
