"""Configurations side by side: lines with the band of their 95 % interval over seeds.

Two seeds are drawn as lines: their interval extends to either side by 6.4 times their distance,
which fills the picture and says only how few they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bptt.figures import style
from bptt.measuring.lag_curves import Array

FEWEST = 3
"""The least number of seeds for which a band is drawn."""
BAND = "band: 95 % interval of the mean over seeds"
SEEDS = "thin lines: the seeds, too few for an interval"
SEEDS_TOO = f"thin lines: seeds where n < {FEWEST}"

Mask = NDArray[np.bool_]

DECADES = 30.0
"""How many times the least value the largest one is where a logarithmic scale shows more."""


@dataclass(frozen=True)
class Band:
    """A mean over runs along an axis."""

    label: str
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


@dataclass(frozen=True)
class FlowMap:
    """The gradient through time over training, averaged over runs."""

    label: str
    steps: NDArray[np.int64]
    """(probes,)"""
    log10: Array
    """(probes, lags); nan where no run has a value."""
    n: int


def gradient_bands(bands: Sequence[Band], *, title: str) -> Figure:
    """Draw log10 of the gradient's norm over the lag, a line for each configuration."""
    figure = style.new_figure(9.4, 5.2)
    axes = figure.subplots()
    for index, band in enumerate(bands):
        style.lag_line(axes, band.mean, index, f"{band.label} (n={band.n})", band.alone_from)
        _draw_spread(axes, band, index, "-")
    if any(band.alone_from is not None for band in bands):
        axes.plot([], [], color="0.4", linestyle=style.ALONE, label="one position of the loss left")
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    _limit(axes, bands)
    longest = max((band.x[-1] for band in bands), default=1.0)
    axes.set_xlim(0, max(longest, 1.0))
    _finish(axes, style.LAG, style.norm_label("s"))
    _legend(axes)
    figure.suptitle(
        f"Gradient through time at the end of training\n{title}{_spread(bands)}", fontsize=13
    )
    return figure


def learning_curves(
    bands: Sequence[Band], *, metric: str, title: str, baseline: float | None = None
) -> Figure:
    """Draw a metric over training, a line for each configuration."""
    figure = style.new_figure(9.4, 5.2)
    axes = figure.subplots()
    for index, band in enumerate(bands):
        draw_band(axes, band, index)
    if baseline is not None:
        axes.axhline(baseline, color="0.4", linewidth=1.2, linestyle=":", label="baseline")
    _limit(axes, bands, [] if baseline is None else [baseline])
    _finish(axes, style.STEP, metric)
    _legend(axes)
    figure.suptitle(f"{metric} over training\n{title}{_spread(bands)}", fontsize=13)
    return figure


def clipping_bands(
    norms: Sequence[Band], clipped: Sequence[Band], fractions: Sequence[Band], *, title: str
) -> Figure:
    """Draw the gradient's norm before and after clipping, and how often it was clipped."""
    figure = style.new_figure(13.6, 5.2)
    before, after, share = figure.subplots(1, 3)
    for axes, bands in ((before, norms), (after, clipped), (share, fractions)):
        for index, band in enumerate(bands):
            draw_band(axes, band, index)
    for axes, name in ((before, "gradient norm before clipping"), (after, "... and after")):
        axes.set_yscale("log")
        # the same scale, because the difference is what clipping does
        least, most = _extremes([*norms, *clipped])
        axes.set_ylim(least / 1.3, most * 1.3)
        _finish(axes, style.STEP, name)
    share.set_ylim(-0.03, 1.03)
    _finish(share, style.STEP, "share of updates clipped")
    _legend(share)
    figure.suptitle(f"Clipping\n{title}{_spread(norms)}", fontsize=13)
    return figure


def draw_band(axes: Axes, band: Band, index: int) -> None:
    """Draw one line and its band, or its seeds, in the colour and dash of its place."""
    dash = style.DASHES[index % len(style.DASHES)]
    axes.plot(
        band.x,
        band.mean,
        color=style.colour(index),
        linestyle=dash,
        linewidth=2.0,
        # one evaluation, of a network that is measured and not trained, makes no line
        marker=style.MARKERS[index % len(style.MARKERS)] if len(band.x) == 1 else None,
        label=f"{band.label} (n={band.n})",
    )
    _draw_spread(axes, band, index, dash)


def _draw_spread(axes: Axes, band: Band, index: int, dash: str) -> None:
    """Draw the band around a mean, or the seeds if they are too few for one."""
    colour = style.colour(index)
    if band.n >= FEWEST:
        where = band.has_interval
        axes.fill_between(
            band.x, band.low, band.high, where=where, color=colour, alpha=0.18, linewidth=0
        )
    elif band.n > 1:
        for seed in band.seeds:
            axes.plot(band.x, seed, color=colour, linestyle=dash, linewidth=0.8, alpha=0.55)


def _spread(bands: Sequence[Band]) -> str:
    """Say in words what lines average over; nothing if each is of one seed."""
    sizes = [band.n for band in bands if band.n > 1]
    told = [BAND] if any(n >= FEWEST for n in sizes) else []
    if any(n < FEWEST for n in sizes):
        told.append(SEEDS_TOO if told else SEEDS)
    return "".join(f"; {one}" for one in told)


def _limit(axes: Axes, bands: Sequence[Band], others: Sequence[float] = ()) -> None:
    """Zoom to the values: an interval over few seeds may extend far beyond any of them."""
    least, most = _extremes(bands)
    least, most = min([least, *others]), max([most, *others])
    if spans_decades(bands):
        axes.set_yscale("log")
        axes.set_ylim(least / 1.3, most * 1.3)
        return
    margin = 0.06 * (most - least) or 0.5
    axes.set_ylim(least - margin, most + margin)


def spans_decades(bands: Sequence[Band]) -> bool:
    """Say whether values are so far apart that a linear scale would hide the small ones."""
    least, most = _extremes(bands)
    return least > 0 and most >= DECADES * least


def _extremes(bands: Sequence[Band]) -> tuple[float, float]:
    """Return the least and the largest value of any seed."""
    least = min(float(np.nanmin(band.seeds)) for band in bands)
    return least, max(float(np.nanmax(band.seeds)) for band in bands)


def _finish(axes: Axes, across: str, upwards: str) -> None:
    axes.set_xlabel(across, fontsize=12)
    axes.set_ylabel(upwards, fontsize=12)
    axes.tick_params(labelsize=11)
    axes.grid(alpha=0.25)


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=11)
