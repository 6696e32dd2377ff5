"""Configurations side by side: lines with the band of their 95 % interval over seeds.

Up to five seeds are drawn as lines: an interval of so few extends to either side by up to six times
their distance, which fills the picture and says only how few they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bptt.figures import style
from bptt.figures.floor import mark_floor
from bptt.figures.multiples import Multiples, Panel, Words
from bptt.measuring.lag_curves import Array

FEWEST = 6
"""The least number of seeds for which a band is drawn."""
BAND = "band: 95 % interval of the mean over seeds"
SEEDS = "thin lines: single seeds"
SEEDS_TOO = f"thin lines: single seeds where n < {FEWEST}"

Mask = NDArray[np.bool_]

DECADES = 30.0
"""How many times the least value the largest one is where a logarithmic scale shows more."""


@dataclass(frozen=True)
class Band:
    """A mean over runs along an axis."""

    x: Array
    """(points,)"""
    mean: Array
    """(points,); nan where no run has a value."""
    low: Array
    high: Array
    """(points,); nan where only one run has a value."""
    seeds: Array
    """(n, points): the values averaged; nan where a seed has none."""
    alone_from: int | None = None
    """Of a lag curve: the first lag that only one of several anchors has."""

    @property
    def n(self) -> int:
        """Seeds."""
        return len(self.seeds)

    @property
    def has_interval(self) -> Mask:
        """(points,): where enough seeds have a value."""
        enough: Mask = np.isfinite(self.seeds).sum(0) >= FEWEST
        return enough


Panels = Sequence[Panel[Band]]


def gradient_bands(panels: Panels, words: Words, bands: Sequence[Band]) -> Figure:
    """Draw log10 of the gradient's norm over the lag, a line for each configuration.

    Args:
        panels: of this picture.
        words: around them.
        bands: of all pictures that have the same scales.
    """
    picture = Multiples(panels, words)
    for axes, panel in picture:
        for name, band in panel.lines.items():
            place = picture.places[name]
            style.lag_line(axes, band.mean, place, name, band.alone_from)
            spread(axes, band, place)
        axes.axhline(0.0, color=style.FAINT, linewidth=0.8)
        mark_floor(axes)
        limit(axes, bands)
        axes.set_xlim(0, max(*(band.x[-1] for band in bands), 1.0))
    alone = any(band.alone_from is not None for band in bands)
    dashed = Line2D([], [], color=style.FAINT, linestyle=style.ALONE)
    dashed.set_label("one position of the loss left")
    more = [dashed] if alone else []
    return picture.finish(style.LAG, style.norm_label("s"), spread_told(bands), more=more)


def learning_curves(
    panels: Panels,
    words: Words,
    bands: Sequence[Band],
    *,
    metric: str,
    baseline: float | None = None,
) -> Figure:
    """Draw a metric over training, a line for each configuration.

    Args:
        panels: of this picture.
        words: around them.
        bands: of all pictures that have the same scales.
        metric: its name.
        baseline: of the task, if this is its own metric.
    """
    picture = Multiples(panels, words)
    for axes, panel in picture:
        for name, band in panel.lines.items():
            mean_line(axes, band, picture.places[name], name)
            spread(axes, band, picture.places[name])
        if baseline is not None:
            axes.axhline(
                baseline, color=style.FAINT, linewidth=1.2, linestyle=":", label="baseline"
            )
        limit(axes, bands, [] if baseline is None else [baseline])
    return picture.finish(style.STEP, metric, spread_told(bands))


@dataclass(frozen=True)
class Norms:
    """The norm of the whole gradient over training, geometric means."""

    before: Band
    after: Band
    """Clipping."""

    @property
    def n(self) -> int:
        """Seeds."""
        return self.before.n


def clipped_norms(panels: Sequence[Panel[Norms]], words: Words, every: Sequence[Norms]) -> Figure:
    """Draw the gradient's norm before clipping as a thin line, and after it as a thick one."""
    picture = Multiples(panels, words)
    least, most = _extremes([band for line in every for band in (line.before, line.after)])
    for axes, panel in picture:
        for name, line in panel.lines.items():
            place = picture.places[name]
            axes.plot(line.before.x, line.before.mean, color=style.colour(place), linewidth=0.8)
            mean_line(axes, line.after, place, name)
        axes.set_yscale("log")
        axes.set_ylim(least / 1.3, most * 1.3)
    thin = Line2D([], [], color=style.FAINT, linewidth=0.8, label="before clipping")
    return picture.finish(style.STEP, "norm of the gradient", "geometric means", more=[thin])


def clipped_shares(panels: Panels, words: Words, every: Sequence[Band]) -> Figure:
    """Draw how many of the updates were clipped."""
    last = max(band.x[-1] for band in every)
    picture = Multiples(panels, words)
    for axes, panel in picture:
        for name, band in panel.lines.items():
            mean_line(axes, band, picture.places[name], name)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlim(-0.03 * last, 1.03 * last)
    return picture.finish(style.STEP, "share of updates clipped", "means")


def mean_line(
    axes: Axes, band: Band, place: int, name: str, at: Sequence[float] | None = None
) -> None:
    """Draw one line in the colour and dash of its place; `at`: where its points are, if not `x`."""
    axes.plot(
        band.x if at is None else at,
        band.mean,
        color=style.colour(place),
        linestyle=style.DASHES[place % len(style.DASHES)],
        linewidth=1.8,
        # one evaluation, of a network that is measured and not trained, makes no line
        marker=style.MARKERS[place % len(style.MARKERS)] if at or len(band.x) == 1 else None,
        label=name,
    )


def spread(axes: Axes, band: Band, place: int, at: Sequence[float] | None = None) -> None:
    """Draw the band around a mean, or the seeds if they are too few; `at` as in `mean_line`."""
    colour = style.colour(place)
    x = band.x if at is None else np.asarray(at, dtype=float)
    if band.n >= FEWEST:
        where = band.has_interval
        axes.fill_between(
            x, band.low, band.high, where=where, color=colour, alpha=0.18, linewidth=0
        )
    elif band.n > 1:
        seeds = [np.column_stack([x, row]) for row in band.seeds]
        axes.add_collection(
            LineCollection(seeds, colors=colour, linewidths=0.6, alpha=0.5), autolim=False
        )


def spread_told(bands: Iterable[Band]) -> str:
    """Say in words what lines average over; empty if each is of one seed."""
    sizes = [band.n for band in bands if band.n > 1]
    told = [BAND] if any(n >= FEWEST for n in sizes) else []
    if any(n < FEWEST for n in sizes):
        told.append(SEEDS_TOO if told else SEEDS)
    return "; ".join(told)


def limit(axes: Axes, bands: Sequence[Band], others: Sequence[float] = ()) -> None:
    """Zoom to the values: an interval over few seeds may extend far beyond any of them."""
    least, most = _extremes(bands)
    least, most = min([least, *others]), max([most, *others])
    if spans_decades(bands):
        axes.set_yscale("log")
        axes.set_ylim(least / 1.3, most * 1.3)
        return
    margin = 0.06 * (most - least) or 0.5
    axes.set_ylim(least - margin, most + margin)


def spans_decades(bands: Iterable[Band]) -> bool:
    """Say whether values are so far apart that a linear scale would hide the small ones."""
    least, most = _extremes(list(bands))
    return least > 0 and most >= DECADES * least


def _extremes(bands: Sequence[Band]) -> tuple[float, float]:
    """Return the least and the largest value of any seed."""
    least = min(float(np.nanmin(band.seeds)) for band in bands)
    return least, max(float(np.nanmax(band.seeds)) for band in bands)
