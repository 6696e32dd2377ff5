"""The gradient through time as lines over the lag, for one run as it learns."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bptt.figures import style
from bptt.figures.floor import mark_floor
from bptt.measuring.flow_history import FlowHistory
from bptt.measuring.lag_curves import Array


def curves_frame(*states: str) -> Figure:
    """Return an empty picture of curves, with a panel for each of these states."""
    figure = style.new_figure(1.2 + 5.4 * len(states), 4.8, style.Margins(0.85, 0.15, 0.6, 0.5))
    panels = figure.subplots(1, len(states), sharey=True, squeeze=False)[0]
    for axes, state in zip(panels, states, strict=True):
        _finish(axes, state)
    return figure


def fill_curves(
    figure: Figure, flow: FlowHistory, *, title: str, truncation: int | None = None
) -> None:
    """Draw a run on a frame: its curve before training, half-way and at the end.

    Args:
        figure: of the run's states.
        flow: what was measured.
        title: says which run.
        truncation: window of truncated backpropagation, marked if given.
    """
    for axes, state in zip(figure.axes, flow.states, strict=True):
        # of the previous run
        axes.relim()
        values = flow.log10(state)
        rows = moments(flow)
        for index, (name, row) in enumerate(rows.items()):
            label = f"{name} (step {flow.steps[row]})"
            style.lag_line(axes, values[row], index, label, flow.alone_from)
        if flow.alone_from is not None:
            _singles(axes, flow.singles[state], len(rows) - 1)
        axes.set_xlim(0, max(flow.lags - 1, 1))
        style.mark_window(axes, flow.window_edge(truncation))
        mark_floor(axes)
    figure.axes[0].legend(frameon=False, fontsize=12)
    figure.suptitle(style.full_title(title, truncation, flow.every, flow.layers), fontsize=15)


def moments(flow: FlowHistory) -> dict[str, int]:
    """Return the indices of the probes `init`, `mid` and `final`, as far as they differ."""
    last = len(flow.steps) - 1
    middle = int(np.abs(flow.steps - (flow.steps[0] + flow.steps[-1]) / 2).argmin())
    rows = {"init": 0}
    if 0 < middle < last:
        rows["mid"] = middle
    if last:
        rows["final"] = last
    return rows


def _singles(axes: Axes, singles: Array, index: int) -> None:
    """Draw the curve of each anchor alone at the last probe, and name the kinds of lines."""
    shown = np.where(np.isfinite(singles), singles, np.nan).T
    lines = axes.plot(shown, color=style.colour(index), linewidth=0.7, alpha=0.5)
    lines[0].set_label("final, by position of the loss")
    axes.plot([], [], color="0.4", linestyle=style.ALONE, label="one position is left")


def _finish(axes: Axes, state: str) -> None:
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.set_xlabel(style.LAG, fontsize=13)
    axes.set_ylabel(style.norm_label(state), fontsize=14)
    axes.tick_params(labelsize=11)
    axes.locator_params(nbins=style.TICKS)
    axes.grid(alpha=0.25)
