"""All configurations of a table in one picture: a mean and its interval each, the best first."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from bptt.figures import style
from bptt.figures.multiples import Multiples, Panel, Size, Words

ROW = 0.16
"""Inches of a row."""
LETTER = 0.068
"""Inches of a letter of its name."""
ACROSS = 4.2
"""Inches of the axis."""
COLOURS = (style.COLOURS[0], style.COLOURS[4])
"""Of the best, and of what may be it."""
DECADES = 30.0
"""How many times the least value the largest one is where a logarithmic scale shows more."""
BEYOND = 0.25
"""How far beyond the means intervals are shown, as a share of what these span."""


@dataclass(frozen=True)
class Row:
    """A configuration."""

    place: int
    """In the table, 0 the first."""
    name: str
    mean: float
    low: float
    high: float
    """The same as the mean where it has no interval."""
    measured: bool
    """Whether any run has a value of its own: otherwise the mean is what they count as."""


@dataclass(frozen=True)
class Standings:
    """Configurations of which the same is said."""

    rows: Sequence[Row]
    faint: bool
    """Whether they are worse than another."""
    n: int
    """Seeds."""


def standings(
    panels: Sequence[Panel[Standings]],
    words: Words,
    every: Sequence[Standings],
    *,
    metric: str,
    ratio: bool,
    baseline: float | None,
) -> Figure:
    """Draw every configuration's mean with the 95 % interval of this mean alone.

    Args:
        panels: one, whose lines are what is said of configurations.
        words: around it.
        every: its lines.
        metric: what the values are.
        ratio: whether they are compared by their ratio.
        baseline: of the task in this metric; None: it has none.
    """
    rows = sorted((row for held in every for row in held.rows), key=lambda row: row.place)
    longest = max(len(row.name) for row in rows)
    size = Size(ACROSS, ROW * (len(rows) + 1))
    picture = Multiples(panels, words, size=size, aside=LETTER * longest + 0.1)
    for axes, panel in picture:
        for name, held in panel.lines.items():
            colour = style.FAINT if held.faint else COLOURS[picture.places[name] % len(COLOURS)]
            for row in held.rows:
                axes.plot([row.low, row.high], [row.place] * 2, color=colour, linewidth=1.6)
            for measured in (True, False):
                shown = [row for row in held.rows if row.measured == measured]
                axes.plot(
                    [row.mean for row in shown],
                    [row.place for row in shown],
                    "o",
                    color=colour,
                    markersize=4.5,
                    markerfacecolor=colour if measured else style.PAPER,
                    label=name if measured == any(row.measured for row in held.rows) else None,
                )
        if baseline is not None:
            axes.axvline(baseline, color=style.FAINT, linewidth=1.2, linestyle=":")
        axes.yaxis.tick_right()
        axes.set_yticks([row.place for row in rows], [row.name for row in rows], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(rows[-1].place + 1, rows[0].place - 1)
        means = [row.mean for row in rows]
        others = [] if baseline is None else [baseline]
        if min(means) > 0 and (ratio or max(means) >= DECADES * min(means)):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlim(min(means + others) / 1.5, max(means + others) * 1.5)
        else:
            axes.set_xlim(*_limits(rows, others))
    more = []
    if baseline is not None:
        more.append(Line2D([], [], color=style.FAINT, linestyle=":", label="baseline"))
    if not all(row.measured for row in rows):
        hollow = Line2D([], [], color=style.FAINT, linestyle="none", marker="o", markersize=4.5)
        hollow.set_markerfacecolor(style.PAPER)
        hollow.set_label("what runs without a value count as")
        more.append(hollow)
    return picture.finish(metric, "", "bar: 95 % interval of this mean alone", more=more)


def _limits(rows: Sequence[Row], others: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a linear axis: an interval of few seeds may extend far beyond all."""
    values = [row.mean for row in rows] + list(others)
    reach = BEYOND * (max(values) - min(values)) or 0.5
    low = max(min(row.low for row in rows), min(values) - reach)
    high = min(max(row.high for row in rows), max(values) + reach)
    margin = 0.03 * (max(high, *values) - min(low, *values)) or 0.5
    return min(low, *values) - margin, max(high, *values) + margin
