"""The pictures of a grid: learning curves, the gradient through time, clipping."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bptt.comparison.axes import axes_of, find_axes, label
from bptt.comparison.curves import SERIES, Curves, flow_map, over_lag, over_training, read_curves
from bptt.comparison.facets import facets_of
from bptt.comparison.metrics import deciding_metric
from bptt.comparison.point import ComparedPoint
from bptt.comparison.rates import solved_share
from bptt.comparison.table import compare
from bptt.errors import BpttError
from bptt.measuring.logged import CLIP_FRACTION, CLIPPED_NORM, GRAD_NORM, TRAIN_LOSS

if TYPE_CHECKING:
    from bptt.figures import Figure
    from bptt.figures.rates import Rate

GROUPS = 8
"""How many lines can be told apart in a picture."""
Format = Literal["png", "svg"]


@dataclass(frozen=True)
class DrawnPicture:
    """One picture and what it shows."""

    name: str
    """Name of its file, without the extension."""
    caption: str
    content: bytes


def draw_pictures(
    points: Sequence[ComparedPoint],
    runs: Path,
    *,
    title: str,
    by: Sequence[str] = (),
    kind: Format = "png",
) -> list[DrawnPicture]:
    """Return the pictures of a grid, for each of its problems.

    Args:
        points: all of the grid's.
        runs: the folder of all runs; runs without a folder are in no picture.
        title: of the grid.
        by: axes that distinguish the lines; none: as many of the grid's axes as give at most
            eight lines.
        kind: of the files.

    Raises:
        InvalidSpec: an axis that this grid does not have.
    """
    axes = find_axes(by, axes_of(points))
    facets = facets_of(points)
    return [
        DrawnPicture(
            f"{_slug(facet.title)}_{name}" if len(facets) > 1 else name,
            caption,
            _save(figure, kind),
        )
        for facet in facets
        for name, caption, figure in _Gallery(
            facet.points, runs, f"{title}, {facet.title}" if facet.problem else title, axes
        ).figures()
    ]


def _slug(title: str) -> str:
    return re.sub(r"[^\w.-]+", "_", title)


@dataclass(frozen=True)
class _Lines:
    """What a picture distinguishes, and what it averages over."""

    curves: Mapping[str, Sequence[Curves]]
    title: str
    averaged: str
    """Axes that it averages over."""
    left_out: int
    absent: int
    diverged: int

    def told(self, caption: str) -> str:
        """Return the caption of a picture of these lines."""
        told = [caption]
        if self.averaged:
            told.append(f"Averaged over {self.averaged} within each seed; --by chooses.")
        if self.left_out:
            told.append(f"The {GROUPS} best of {GROUPS + self.left_out} configurations.")
        if self.diverged:
            told.append(f"Curves leave out the {self.diverged} runs that diverged.")
        if self.absent:
            told.append(f"The folders of {self.absent} runs are not on this machine, or damaged.")
        return " ".join(told)


class _Gallery:
    """The figures of one task."""

    def __init__(
        self, points: Sequence[ComparedPoint], runs: Path, title: str, by: Sequence[str]
    ) -> None:
        self._points = points
        self._runs = runs
        self._metric = deciding_metric(points)
        self._by = by
        self._title = title
        self._read: dict[str, Curves | None] = {}

    def _curves(self, point: ComparedPoint, wanted: Sequence[str]) -> Curves | None:
        """Return what a run measured; None if its folder is not here, or cannot be read."""
        try:
            return read_curves(self._runs, point.run_id, point.seed, wanted)
        # a damaged file concerns only that run, and is reported when it is shipped or shown
        except (OSError, ValueError, LookupError, TypeError, BpttError):
            return None

    def _lines(self, first: str = "") -> "_Lines":
        """Return the lines of a picture.

        Args:
            first: section whose axes take precedence if there is not room for all.
        """
        points, wanted = self._points, (self._metric.name, *SERIES)
        by = self._by or _few(points, first)
        labels = [group.config for group in compare(points, by)[0].groups]
        curves: dict[str, list[Curves]] = {one: [] for one in labels[:GROUPS]}
        absent = 0
        for point in points:
            held = curves.get(label(point, by))
            if held is None or not point.result:
                continue
            if point.run_id not in self._read:
                self._read[point.run_id] = self._curves(point, wanted)
            one = self._read[point.run_id]
            if one is None:
                absent += 1
            else:
                held.append(one)
        rest = [axis for axis in axes_of(points) if axis not in by and axis != "task"]
        averaged = ", ".join(rest)
        title = f"{self._title}, mean over {averaged}" if averaged else self._title
        if len(labels) > GROUPS:
            title += f", the {GROUPS} best of {len(labels)}"
        diverged = sum(c.outcome == "diverged" for held in curves.values() for c in held)
        if diverged:
            title += f", without {diverged} diverged"
        left_out = max(0, len(labels) - GROUPS)
        return _Lines(curves, title, averaged, left_out, absent, diverged)

    def figures(self) -> list[tuple[str, str, "Figure"]]:
        """Yield name, caption and figure of every picture that has data."""
        from bptt import figures

        found: list[tuple[str, str, Figure]] = []
        lines = self._lines()
        over_lags = [over_lag(one, held) for one, held in lines.curves.items()]
        if flow := [band for band in over_lags if band is not None]:
            told = "How much of the loss's gradient reaches a state k steps back, by its lag."
            drawn = figures.gradient_bands(flow, title=lines.title)
            found.append(("gradient_through_time", lines.told(told), drawn))
        maps = [m for one, held in lines.curves.items() if (m := flow_map(one, held)) is not None]
        if maps:
            told = "The same over training: dark is vanished, orange is exploded."
            drawn = figures.heat_map_group(maps, title=lines.title)
            found.append(("gradient_heat_maps", lines.told(told), drawn))
        for name, baseline in ((self._metric.name, self._metric.baseline), (TRAIN_LOSS.key, None)):
            if bands := over_training(lines.curves, name, hold=True):
                geometric = figures.spans_decades(bands)
                if geometric:
                    bands = over_training(lines.curves, name, hold=True, log=True)
                drawn = figures.learning_curves(
                    bands, metric=name, title=lines.title, baseline=baseline
                )
                told = f"{name} over training; a run that solved the task keeps its last value."
                told += " Geometric means." * geometric
                found.append((f"curve_{name.replace('/', '_')}", lines.told(told), drawn))
        # a mean over clippers would show none of them
        lines = self._lines("clipper")
        norms = over_training(lines.curves, GRAD_NORM.key, log=True)
        clipped = over_training(lines.curves, CLIPPED_NORM.key, log=True)
        shares = over_training(lines.curves, CLIP_FRACTION.key)
        # where nothing was ever clipped there is nothing to see
        acts = any((band.mean > 0).any() for band in shares)
        if norms and clipped and acts:
            drawn = figures.clipping_bands(norms, clipped, shares, title=lines.title)
            told = "Norm of the whole gradient before and after clipping, and how often it acts."
            found.append(("clipping", lines.told(told), drawn))
        found += self._rates()
        return found

    def _rates(self) -> "list[tuple[str, str, Figure]]":
        """Return how often the task was solved, along the axis with the most values."""
        from bptt import figures

        axes = {path: _values(self._points, path) for path in axes_of(self._points)}
        if not axes or not any(point.solved for point in self._points):
            return []
        along = max(axes, key=lambda path: len(axes[path]))
        others = [path for path in axes if path != along and path.partition(".")[0] != along]
        hue = next((path for path in others if len(axes[path]) <= GROUPS), "")
        table: dict[str, list[Rate | None]] = {}
        for name in _values(self._points, hue) if hue else [""]:
            held = [p for p in self._points if not hue or label(p, (hue,)) == name]
            table[name or "all"] = [_rate(held, along, value) for value in axes[along]]
        drawn = figures.success_rates(
            [value.partition("=")[2] or value for value in axes[along]],
            table,
            axis=along,
            ordered=all(
                isinstance(point.values.get(along, 0), int | float) for point in self._points
            ),
            title=self._title,
        )
        caption = f"Share of ended runs that solved the task, by {along}; diverged runs did not."
        return [("solved", caption, drawn)]


def _few(points: Sequence[ComparedPoint], first: str = "") -> tuple[str, ...]:
    """Return the first axes of the grid that give no more lines than fit a picture."""
    axes = sorted(axes_of(points), key=lambda path: path.partition(".")[0] != first)
    for number in range(len(axes), 1, -1):
        if len({label(point, axes[:number]) for point in points}) <= GROUPS:
            return tuple(axes[:number])
    return tuple(axes[:1])


def _values(points: Sequence[ComparedPoint], path: str) -> list[str]:
    return list(dict.fromkeys(label(point, (path,)) for point in points if path in point.values))


def _rate(points: Sequence[ComparedPoint], along: str, value: str) -> "Rate | None":
    from bptt.figures.rates import Rate

    here = [p for p in points if along in p.values and label(p, (along,)) == value]
    found = solved_share(here)
    if found is None:
        return None
    return Rate(found.estimate, found.low or 0.0, found.high or 0.0, found.n)


def _save(figure: "Figure", kind: Format) -> bytes:
    from bptt.figures.style import to_bytes

    return to_bytes(figure, kind)
