"""The least that pictures of gradients draw, and the words for what lies below it."""

import numpy as np
from matplotlib.axes import Axes

from bptt.figures import style
from bptt.measuring.flow_history import FLOOR

BELOW = "1e-30 or less: nothing in float32 beside 1e-22"
"""A sum in float32 keeps seven digits, so it is the same without a term that is so much smaller."""


def mark_floor(axes: Axes) -> None:
    """Say what a line at the floor is, if one of those drawn reaches it."""
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()]
    if not any((values[np.isfinite(values)] <= FLOOR).any() for values in drawn):
        return
    axes.axhline(FLOOR, color=style.FAINT, linestyle=":", linewidth=1.2)
    axes.annotate(
        BELOW,
        (1.0, FLOOR),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 4),
        textcoords="offset points",
        horizontalalignment="right",
        fontsize=9,
        color=style.FAINT,
    )
