"""The gradient through time over training: lag across, training step upwards, norm as colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bptt.figures import style
from bptt.figures.multiples import Multiples, Panel, Words
from bptt.measuring.flow_history import TOGETHER, FlowHistory
from bptt.measuring.lag_curves import Array

LOW, HIGH, MARKS = -8.0, 0.0, (-8, -6, -4, -2, 0)
"""The same colours in every picture, so that runs can be compared side by side."""
BLACK = "#010101"
"""Not the black of ink, which is light on a dark page."""
COLOURS_TOLD = "black: below -8, orange: above 0, grey: none"


def heat_map_frame(*states: str) -> Figure:
    """Return an empty full-size heat map, with a panel for each of these states."""
    figure = style.new_figure(1.6 + 5.4 * len(states), 5.2, style.Margins(1.0, 0.35, 0.6, 0.75))
    panels = figure.subplots(1, len(states), sharey=True, squeeze=False)[0]
    figure.subplots_adjust(wspace=0.06)
    for axes, state in zip(panels, states, strict=True):
        axes.set_xlabel(style.LAG, fontsize=13)
        axes.set_title(style.norm_label(state), fontsize=14)
        axes.tick_params(labelsize=11)
        axes.locator_params(nbins=style.TICKS)
    panels[0].set_ylabel(style.STEP, fontsize=13)
    bar = figure.colorbar(scale(), ax=list(panels), extend="both", pad=0.02, ticks=MARKS)
    bar.set_label(f"log10 of the norm ({COLOURS_TOLD})", fontsize=11)
    bar.ax.tick_params(labelsize=11)
    return figure


def fill_heat_map(
    figure: Figure,
    flow: FlowHistory,
    *,
    title: str,
    steps: int | None = None,
    truncation: int | None = None,
) -> None:
    """Draw a run on a frame.

    Args:
        figure: of the run's states.
        flow: what was measured.
        title: says which run.
        steps: planned updates; the axis ends there, and untrained parts stay grey.
        truncation: window of truncated backpropagation, marked if given.
    """
    # the last axes are the colour bar's
    for axes, state in zip(figure.axes, flow.states, strict=False):
        _draw(axes, flow, state, steps)
        style.mark_window(axes, flow.window_edge(truncation), "white")
    figure.suptitle(style.full_title(title, truncation, flow.every, flow.layers), fontsize=15)


def tile_frame() -> Figure:
    """Return an empty tile for MLflow's image grid: 440 x 440 pixels, few and large labels."""
    figure = style.new_figure(4.4, 4.4, style.Margins(1.05, 0.6, 0.7, 0.35))
    axes = figure.subplots()
    axes.tick_params(labelsize=13)
    axes.locator_params(nbins=4)
    axes.set_xlabel("lag k (time steps)", fontsize=15)
    axes.set_ylabel("training step", fontsize=15)
    bar = figure.colorbar(scale(), ax=axes, extend="both", pad=0.02, ticks=MARKS)
    bar.ax.tick_params(labelsize=13)
    bar.set_label(style.norm_label("s"), fontsize=15)
    return figure


def fill_tile(
    figure: Figure,
    flow: FlowHistory,
    *,
    title: str,
    steps: int | None = None,
    truncation: int | None = None,
) -> None:
    """Draw a run on a tile, all its states together; see `fill_heat_map`."""
    axes = figure.axes[0]
    _draw(axes, flow, TOGETHER, steps)
    style.mark_window(axes, flow.window_edge(truncation), "white")
    axes.set_title(title if len(title) <= 30 else title[:29] + "…", fontsize=14)


@dataclass(frozen=True)
class FlowMap:
    """The gradient through time over training, averaged over runs."""

    steps: NDArray[np.int64]
    """(probes,)"""
    log10: Array
    """(probes, lags); nan where no run has a value."""
    n: int
    """Seeds."""


def heat_map_group(
    panels: Sequence[Panel[FlowMap]], words: Words, every: Sequence[FlowMap]
) -> Figure:
    """Draw one panel per configuration, all with the same colours."""
    picture = Multiples(panels, words, aside=0.9)
    shown = []
    for axes, panel in picture:
        axes.grid(visible=False)
        for one in panel.lines.values():
            mesh = _paint(axes, one.log10, one.steps.astype(float), None)
            mesh.set_rasterized(True)
        shown.append(axes)
    shown[0].set_xlim(-0.5, max(one.log10.shape[1] for one in every) - 0.5)
    shown[0].set_ylim(0, max(1, *(one.steps[-1] for one in every)))
    figure = picture.finish(style.LAG, style.STEP, "mean over seeds", COLOURS_TOLD)
    # as high as the first row of panels, in the margin beside the last column
    first, last = shown[0], shown[min(words.columns, len(shown)) - 1]
    row, width = first.get_position(), figure.get_figwidth()
    place = (last.get_position().x1 + 0.15 / width, row.y0, 0.16 / width, row.height)
    bar = figure.colorbar(scale(), cax=figure.add_axes(place), extend="both", ticks=MARKS)
    for painted in bar.ax.collections:
        painted.set_rasterized(True)
    bar.ax.tick_params(labelsize=10)
    bar.set_label(style.norm_label("s"), fontsize=10)
    return figure


def _draw(axes: Axes, flow: FlowHistory, state: str, steps: int | None) -> QuadMesh:
    return _paint(axes, flow.log10(state), flow.steps.astype(float), steps)


def _paint(axes: Axes, values: Array, at: Array, steps: int | None) -> QuadMesh:
    """Paint log10 of norms, (probes, lags), measured at these training steps."""
    edges = _edges(at, steps or 0)
    axes.set_facecolor(style.UNKNOWN)
    mesh = axes.pcolormesh(
        np.arange(values.shape[1] + 1) - 0.5,
        edges,
        np.ma.masked_invalid(np.where(np.isposinf(values), HIGH + 1, values)),
        cmap=colours(),
        vmin=LOW,
        vmax=HIGH,
    )
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(edges[0], max(steps or 0, edges[-1]))
    return mesh


def _edges(steps: Array, planned: int) -> Array:
    """Return the edges of the rows, half-way between two probes."""
    borders = np.maximum(_borders(steps, planned), 0.0)
    # there are no steps before the first update, and none after the last
    return borders if len(steps) == 1 else np.minimum(borders, max(planned, steps[-1]))


def _borders(steps: Array, planned: int) -> Array:
    if len(steps) == 1:
        # a single probe has no neighbour to share with, and must still be seen
        half = max(planned / 40, 0.5)
        low = max(steps[0] - half, 0.0)
        return np.array([low, low + 2 * half])
    middle = (steps[1:] + steps[:-1]) / 2
    return np.concatenate([[2 * steps[0] - middle[0]], middle, [2 * steps[-1] - middle[-1]]])


def scale() -> ScalarMappable:
    """Return what a colour bar shows."""
    return ScalarMappable(Normalize(LOW, HIGH), colours())


def colours() -> Colormap:
    """Return the colours of log10 of a norm."""
    return colormaps["viridis"].with_extremes(under=BLACK, over=style.EXPLODED, bad=style.UNKNOWN)
