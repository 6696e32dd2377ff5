"""The total gradient of states and inputs along the sequence, and layer by layer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bptt.figures import style
from bptt.figures.floor import mark_floor
from bptt.figures.heat_map import COLOURS_TOLD, HIGH, LOW, MARKS, colours, scale
from bptt.measuring.flow_history import FLOOR
from bptt.measuring.lag_curves import Array
from bptt.measuring.table import FLOW, INPUT_FLOW

FLOW_ARRAYS = (FLOW.beginning, INPUT_FLOW.key)
POSITION = "position t in the sequence"
INPUTS = "input of the first layer"
LAYERS_NAMED = 8
"""Most layers that each have a label of their own."""


@dataclass(frozen=True)
class TotalFlow:
    """What one probe measured along the sequence."""

    name: str
    """Of the moment."""
    step: int
    cells: Mapping[tuple[int, str], Array]
    """Layer and direction -> (time,): log10 of the norm of dL/ds_t, all states of the cell."""
    inputs: Array | None
    """(time,): log10 of the norm of dL/dx_t; None: not measured, as in earlier versions."""

    @property
    def directions(self) -> list[str]:
        return list(dict.fromkeys(direction for _, direction in self.cells))

    def layers(self, direction: str) -> Array:
        """Return the rows of one direction, from the bottom layer up, (layers, time)."""
        return np.stack([row for (_, way), row in sorted(self.cells.items()) if way == direction])

    def together(self, direction: str) -> Array:
        """Return log10 of the norm over all layers, (time,)."""
        return _log10(np.hypot.reduce(10.0 ** self.layers(direction)))


def read_total(moments: Iterable[tuple[str, int, Mapping[str, Array]]]) -> list[TotalFlow]:
    """Return what probes measured along the sequence; one that holds nothing is skipped.

    Args:
        moments: name, step and arrays of each.
    """
    found = []
    for name, step, arrays in moments:
        cells: dict[tuple[int, str], list[Array]] = {}
        for key, norms in arrays.items():
            if FLOW.fits(key):
                _, layer, direction, _ = key.split("/")
                cells.setdefault((int(layer), direction), []).append(norms)
        inputs = arrays.get(INPUT_FLOW.key)
        if cells:
            held = {cell: _log10(np.hypot.reduce(norms)) for cell, norms in cells.items()}
            found.append(TotalFlow(name, step, held, None if inputs is None else _log10(inputs)))
    return found


def panels_of(moments: list[TotalFlow]) -> list[str]:
    """Return the titles of the panels that these moments fill, the inputs' last."""
    first = moments[0]
    states = "states" if len(first.cells) == len(first.directions) else "states of all layers"
    reading = [f", {way} cells" if len(first.directions) > 1 else "" for way in first.directions]
    return [f"{states}{one}" for one in reading] + [INPUTS] * (first.inputs is not None)


def over_time_frame(*titles: str) -> Figure:
    """Return an empty picture with a panel for each of these titles."""
    figure = style.new_figure(1.2 + 5.4 * len(titles), 5.0, style.Margins(0.85, 0.15, 0.6, 0.8))
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, fontsize=13)
        axes.set_xlabel(POSITION, fontsize=13)
        axes.set_ylabel(style.total_label("x" if title == INPUTS else "s"), fontsize=14)
        axes.tick_params(labelsize=11)
        axes.locator_params(nbins=style.TICKS)
        axes.grid(alpha=0.25)
    return figure


def fill_over_time(figure: Figure, moments: list[TotalFlow], *, title: str) -> None:
    """Draw the gradient of states and inputs along the sequence, a line for each moment."""
    lines = [[one.together(way) for one in moments] for way in moments[0].directions]
    lines += [[one.inputs for one in moments if one.inputs is not None]]
    for axes, rows in zip(figure.axes, lines, strict=False):
        # of the previous run
        axes.relim()
        for index, (one, row) in enumerate(zip(moments, rows, strict=False)):
            _line(axes, row, index, f"{one.name} (step {one.step})")
        axes.set_xlim(-0.5, max(len(rows[0]) - 0.5, 1))
        mark_floor(axes)
    figure.axes[0].legend(frameon=False, fontsize=12)
    figure.suptitle(f"Gradient along the sequence: {title}", fontsize=15)


def draw_layers(moments: list[TotalFlow], *, title: str) -> Figure:
    """Draw the gradient by layer and position, a panel for each moment and direction."""
    ways = moments[0].directions
    figure = style.new_figure(1.6 + 3.6 * len(moments), 1.4 + 2.8 * len(ways))
    panels = figure.subplots(len(ways), len(moments), sharex=True, sharey=True, squeeze=False)
    for row, way in zip(panels, ways, strict=True):
        for axes, one in zip(row, moments, strict=True):
            layers = one.layers(way)
            shown = layers if one.inputs is None else np.vstack([one.inputs, layers])
            axes.set_facecolor(style.UNKNOWN)
            axes.pcolormesh(
                np.arange(shown.shape[1] + 1) - 0.5,
                np.arange(len(shown) + 1) + (len(layers) - len(shown)) - 0.5,
                np.ma.masked_invalid(np.where(np.isposinf(shown), HIGH + 1, shown)),
                cmap=colours(),
                vmin=LOW,
                vmax=HIGH,
            )
            reading = f", {way} cells" if len(ways) > 1 else ""
            axes.set_title(f"{one.name} (step {one.step}){reading}", fontsize=12)
            named = [0, len(layers) - 1] if len(layers) > LAYERS_NAMED else [*range(len(layers))]
            marks = {-1: "input"} if one.inputs is not None else {}
            marks |= {layer: f"layer {layer}" for layer in named}
            axes.set_yticks(list(marks), list(marks.values()))
            axes.tick_params(labelsize=11)
    figure.supxlabel(POSITION, fontsize=13)
    bar = figure.colorbar(scale(), ax=list(panels.flat), extend="both", pad=0.02, ticks=MARKS)
    bar.set_label(f"log10 of the norm\n({COLOURS_TOLD})", fontsize=9)
    figure.suptitle(f"Gradient by layer and position: {title}", fontsize=15)
    return figure


def _log10(norms: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log10(norms), FLOOR)


def _line(axes: Axes, values: Array, index: int, label: str) -> None:
    shown = np.where(np.isfinite(values), values, np.nan)
    axes.plot(
        np.arange(len(shown)),
        shown,
        color=style.colour(index),
        linestyle=style.DASHES[index % len(style.DASHES)],
        linewidth=2.0,
        label=label,
    )
