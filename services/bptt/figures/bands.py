"""Configurations side by side: lines with the band of their 95 % interval over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bptt.figures import style
from bptt.figures.flow_history import Array

BAND = "band: 95 % interval of the mean over seeds"


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
    """(points,); nan where one run alone has a value."""
    n: int
    """Seeds."""
    extremes: tuple[float, float]
    """Least and largest value of any seed."""


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
        draw_band(axes, band, index)
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    _limit(axes, bands)
    longest = max((band.x[-1] for band in bands), default=1.0)
    axes.set_xlim(0, max(longest, 1.0))
    _finish(axes, style.LAG, style.norm_label("s"))
    _legend(axes)
    figure.suptitle(f"Gradient through time at the end of training\n{title}; {BAND}", fontsize=13)
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
    figure.suptitle(f"{metric} over training\n{title}; {BAND}", fontsize=13)
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
        # the same scale: what clipping does is the difference
        least, most = _extremes([*norms, *clipped])
        axes.set_ylim(least / 1.3, most * 1.3)
        _finish(axes, style.STEP, name)
    share.set_ylim(-0.03, 1.03)
    _finish(share, style.STEP, "share of updates clipped")
    _legend(share)
    figure.suptitle(f"Clipping\n{title}; {BAND}", fontsize=13)
    return figure


def draw_band(axes: Axes, band: Band, index: int) -> None:
    """Draw one line and its band, in the colour and dash of its place."""
    colour = style.COLOURS[index % len(style.COLOURS)]
    axes.plot(
        band.x,
        band.mean,
        color=colour,
        linestyle=style.DASHES[index % len(style.DASHES)],
        linewidth=2.0,
        label=f"{band.label} (n={band.n})",
    )
    axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.18, linewidth=0)


def _limit(axes: Axes, bands: Sequence[Band], others: Sequence[float] = ()) -> None:
    """Show where values are: an interval over few seeds may reach far beyond any of them."""
    least, most = _extremes(bands)
    least, most = min([least, *others]), max([most, *others])
    margin = 0.06 * (most - least) or 0.5
    axes.set_ylim(least - margin, most + margin)


def _extremes(bands: Sequence[Band]) -> tuple[float, float]:
    return min(band.extremes[0] for band in bands), max(band.extremes[1] for band in bands)


def _finish(axes: Axes, across: str, upwards: str) -> None:
    axes.set_xlabel(across, fontsize=12)
    axes.set_ylabel(upwards, fontsize=12)
    axes.tick_params(labelsize=11)
    axes.grid(alpha=0.25)


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=11)
