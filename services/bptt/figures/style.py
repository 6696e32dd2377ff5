"""Colours, sizes and words that all pictures share."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from bptt.durable import replace
from bptt.figures.compact import compact
from bptt.figures.glyphs import make_drawable

# from those of Okabe & Ito 2008, without the yellow and as dark as a line on paper needs (3:1):
# told apart with every kind of colour blindness
COLOURS = ("#063D75", "#A62500", "#198750", "#CC79A7", "#219BE3", "#D47F00", "#000000")
PAPER = "#FFFFFF"
FAINT = "#767676"
"""What is only a reference: baselines, zero."""
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v")

ALONE = (0, (2, 2))
"""Dashes of a curve over the lag where one of several anchors is left."""

EXPLODED = "#D55E00"
"""Where the gradient exceeds 1: off the scale from dark to bright."""
UNKNOWN = "#BBBBBB"
"""Where nothing finite was measured."""

DOTS_PER_INCH = 100
COLOURS_OF_LINES = 256
"""A palette takes a quarter of the bytes of a PNG file, and half the time to write it."""

TICKS = 5
"""Approximate number of ticks: labels take longer to draw than lines."""

LAG = "lag k (time steps before the loss)"
STEP = "training step (updates)"


def norm_label(state: str) -> str:
    """Return the symbol of the quantity, as mathematics."""
    return rf"$\log_{{10}}\,\Vert\partial L/\partial {state}_{{T-k}}\Vert$"


def colour(index: int) -> str:
    """Return the colour of the line at this place."""
    return COLOURS[index % len(COLOURS)]


def lag_line(
    axes: Axes, values: NDArray[np.float64], index: int, label: str, alone_from: int | None = None
) -> None:
    """Draw one curve over the lag, (lags,), dashed from the lag on that only one anchor has.

    Curves differ by colour and marker, because dashes say something else here.
    """
    shown = np.where(np.isfinite(values), values, np.nan)
    lags = np.arange(len(shown))
    whole = len(shown) if alone_from is None else max(alone_from, 1)
    every = max(len(shown) // 8, 1)
    axes.plot(
        lags[:whole],
        shown[:whole],
        color=colour(index),
        marker=MARKERS[index % len(MARKERS)],
        # not on top of each other
        markevery=(index * every // len(MARKERS), every),
        markersize=6,
        linewidth=2.0,
        label=label if np.isfinite(values).any() else f"{label} (not finite)",
    )
    if whole < len(shown):
        axes.plot(
            lags[whole - 1 :],
            shown[whole - 1 :],
            color=colour(index),
            linestyle=ALONE,
            linewidth=2.0,
        )


def total_label(state: str) -> str:
    """Return the symbol of the total gradient at a position, as mathematics."""
    return rf"$\log_{{10}}\,\Vert\partial L/\partial {state}_t\Vert$"


class Margins(NamedTuple):
    """Inches around the panels of a figure."""

    left: float
    right: float
    bottom: float
    top: float


def new_figure(width: float, height: float, margins: Margins | None = None) -> Figure:
    """Return an empty figure of `width` x `height` inches that needs no display and no pyplot.

    pyplot keeps figures in a global list, which is neither safe in a thread nor ever freed.

    Args:
        width: inches.
        height: inches.
        margins: if the place of every label is known; otherwise matplotlib finds them, which
            takes as long as drawing.
    """
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    if margins is None:
        figure.set_layout_engine("constrained")
    else:
        figure.subplots_adjust(
            left=margins.left / width,
            right=1 - margins.right / width,
            bottom=margins.bottom / height,
            top=1 - margins.top / height,
        )
    FigureCanvasAgg(figure)
    return figure


def mark_window(axes: Axes, edge: float | None, colour: str = "black") -> None:
    """Mark where the window of truncated backpropagation ends, if within the picture."""
    if edge is None:
        return
    axes.axvline(edge, color=colour, linestyle="--", linewidth=1.4)
    axes.annotate(
        "end of the window",
        (edge, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(3, -5),
        textcoords="offset points",
        rotation=90,
        verticalalignment="top",
        color=colour,
        # readable on every colour of the map below
        path_effects=[
            withStroke(linewidth=2, foreground="black" if colour == "white" else "white")
        ],
    )


def full_title(
    title: str, truncation: int | None, every: int | None = None, layers: int = 1
) -> str:
    """Return the title of a picture of one run.

    Args:
        title: the run's name.
        truncation: steps of a window of truncated backpropagation, if there are any.
        every: steps from one window to the next; None: as many as it has.
        layers: whose states are taken together.
    """
    windows = f", truncated BPTT in windows of {truncation}" if truncation else ""
    if windows and every and every != truncation:
        windows += f", one every {every} step{'s' if every > 1 else ''}"
    together = f", all {layers} layers" if layers > 1 else ""
    return f"Gradient through time: {title}{together}{windows}"


def to_bytes(figure: Figure, kind: str) -> bytes:
    """Return a figure as a file of this kind, `png` or `svg`; the same figure, the same bytes."""
    make_drawable(figure)
    content = io.BytesIO()
    # without a date and with fixed ids, two drawings of the same figure are the same file
    with rc_context({"svg.hashsalt": "bptt"}):
        if kind == "png":
            figure.savefig(content, format="rgba")
            return _packed(content.getvalue(), figure)
        else:
            figure.savefig(content, format=kind, metadata={"Date": None})
    return compact(content.getvalue().decode()).encode()


def _packed(pixels: bytes, figure: Figure) -> bytes:
    """Return the pixels of a drawn figure, (height, width, 4), as a PNG file."""
    from PIL import Image

    size = figure.canvas.get_width_height(physical=True)
    image = Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1).convert("RGB")
    # in a map each colour is a number
    if not any(axes.images or _has_mesh(axes) for axes in figure.axes):
        how = Image.Quantize.FASTOCTREE
        image = image.quantize(COLOURS_OF_LINES, how, dither=Image.Dither.NONE)
    content = io.BytesIO()
    # more takes ten times as long for a twentieth fewer bytes
    image.save(content, "png", compress_level=1 if image.mode == "RGB" else 6)
    return content.getvalue()


def _has_mesh(axes: Axes) -> bool:
    return any(isinstance(part, QuadMesh) for part in axes.collections)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, all of it or nothing, creating its folder; return the path."""
    # not its parents: what was deleted meanwhile must stay deleted
    path.parent.mkdir(exist_ok=True)
    replace(path, to_bytes(figure, "png"), durable=False)
    return path
