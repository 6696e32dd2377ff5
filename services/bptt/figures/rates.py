"""How often a task was solved: along an axis of the grid, and over training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bptt.figures import style
from bptt.figures.multiples import ONE, SEVERAL, Multiples, Panel, Size, Words
from bptt.measuring.lag_curves import Array

ROOM = 11
"""Characters below an inch of an axis; beyond that labels are slanted."""
SLANTED = 0.05
"""Inches that a character of a slanted label takes downwards."""
LOGARITHMIC = 30.0
"""How many times the earliest solution the last one is where the time is on a logarithmic scale."""
SHARE = "share solved"
FEWEST = 6
"""The least number of seeds for which a band is drawn: with fewer each step is one of them."""
APART = 0.012
"""Share by which lines are drawn apart, so that those that coincide can be seen."""


@dataclass(frozen=True)
class Rate:
    """A share of runs with its interval."""

    share: float
    low: float
    high: float
    n: int
    """Seeds that it is taken over."""


@dataclass(frozen=True)
class Rates:
    """Shares along an axis."""

    rates: Sequence[Rate | None]
    """For each of its values; None where no run has ended."""

    @property
    def n(self) -> int:
        """The most seeds that one is taken over."""
        return max((rate.n for rate in self.rates if rate is not None), default=0)


def success_rates(
    panels: Sequence[Panel[Rates]],
    words: Words,
    every: Sequence[Rates],
    *,
    values: Sequence[str],
    axis: str,
    ordered: bool,
) -> Figure:
    """Draw the share of runs that solved the task, with Wilson's interval.

    Args:
        panels: a line for each configuration.
        words: around them.
        every: of all pictures of this kind.
        values: of the axis, from left to right.
        axis: its name.
        ordered: values are quantities, so lines between them are meaningful.
    """
    usual = ONE if len(panels) == 1 else SEVERAL
    size = Size(max(usual.across, 0.45 * len(values)), usual.upwards)
    slanted = sum(map(len, values)) + 2 * len(values) > ROOM * size.across
    below = SLANTED * max(map(len, values)) if slanted else 0.0
    picture = Multiples(panels, words, size=size, below=below)
    counts = {rate.n for row in every for rate in row.rates if rate is not None}
    count = len(picture.places)
    for axes, panel in picture:
        for name, row in panel.lines.items():
            place = picture.places[name]
            # side by side: intervals in one place would hide each other
            shift = (place - (count - 1) / 2) * min(0.8 / max(count, 1), 0.16)
            shown = [(at + shift, rate) for at, rate in enumerate(row.rates) if rate is not None]
            axes.errorbar(
                [at for at, _ in shown],
                [rate.share for _, rate in shown],
                yerr=[
                    [rate.share - rate.low for _, rate in shown],
                    [rate.high - rate.share for _, rate in shown],
                ],
                color=style.colour(place),
                marker=style.MARKERS[place % len(style.MARKERS)],
                linestyle=style.DASHES[place % len(style.DASHES)] if ordered else "none",
                linewidth=1.2,
                capsize=3,
                markersize=6,
                label=name,
            )
            for at, rate in shown if len(counts) > 1 else ():
                axes.annotate(
                    str(rate.n),
                    (at, rate.high),
                    xytext=(0, 5),
                    textcoords="offset points",
                    ha="center",
                    fontsize=9,
                )
        axes.set_xticks(range(len(values)), values)
        if slanted:
            axes.tick_params(axis="x", labelrotation=35)
            for label in axes.get_xticklabels():
                label.set_horizontalalignment("right")
        axes.set_xlim(-0.5, len(values) - 0.5)
        axes.set_ylim(-0.03, 1.03 if len(counts) == 1 else 1.15)
    above = "" if len(counts) == 1 else "above it: n, seeds"
    return picture.finish(axis, SHARE, "bar: 95 % interval (Wilson)", above)


@dataclass(frozen=True)
class Solving:
    """The share of runs that have solved the task, by the updates they needed."""

    updates: Array
    """(steps,): where it changes, ascending, the first one 0 and the last one the end."""
    share: Array
    low: Array
    high: Array
    """(steps,): from there to the next."""
    left: Array
    """Updates at which runs ended, unsolved, before the longest did."""
    n: int
    """Seeds."""


def solving_curves(
    panels: Sequence[Panel[Solving]], words: Words, every: Sequence[Solving]
) -> Figure:
    """Draw the share of runs solved over updates: 1 minus Kaplan and Meier's curve.

    Args:
        panels: of this picture.
        words: around them.
        every: of all pictures that have the same scales.
    """
    picture = Multiples(panels, words)
    changes = np.concatenate([line.updates[1:] for line in every])
    end = float(changes.max())
    wide = end >= LOGARITHMIC * changes.min()
    # what happens with the last update must be seen
    farthest = end * (1.15 if wide else 1.04)
    middle = (len(picture.places) - 1) / 2
    for axes, panel in picture:
        for name, line in panel.lines.items():
            place = picture.places[name]
            colour, raised = style.colour(place), APART * (middle - place)
            # a line of runs that were given fewer updates than others ends with them
            last = farthest if line.updates[-1] >= end else line.updates[-1]
            updates = np.append(line.updates[:-1], last)
            axes.step(
                updates,
                line.share + raised,
                where="post",
                color=colour,
                linestyle=style.DASHES[place % len(style.DASHES)],
                linewidth=1.8,
                label=name,
            )
            if line.n >= FEWEST:
                band = (updates, line.low, line.high)
                axes.fill_between(*band, step="post", color=colour, alpha=0.13, linewidth=0)
            at = np.searchsorted(line.updates, line.left, side="right") - 1
            axes.plot(line.left, line.share[at] + raised, "|", color=colour, markersize=9)
        axes.set_ylim(-0.06, 1.06)
        if wide:
            axes.set_xscale("log")
        axes.set_xlim(changes.min() / 1.5 if wide else 0, farthest)
    more = []
    if any(len(line.left) for line in every):
        mark = Line2D([], [], color=style.FAINT, linestyle="none", marker="|", markersize=9)
        mark.set_label("ended unsolved")
        more.append(mark)
    banded = any(line.n >= FEWEST for line in every)
    told = "band: 95 % interval at each update" if banded else "too few seeds for a band"
    return picture.finish(style.STEP, SHARE, told, more=more)
