"""How often a task was solved, along an axis of the grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from bptt.figures import style


@dataclass(frozen=True)
class Rate:
    """A share of runs with its interval."""

    share: float
    low: float
    high: float
    n: int
    """Seeds that it is taken over."""


def success_rates(
    values: Sequence[str],
    rates: Mapping[str, Sequence[Rate | None]],
    *,
    axis: str,
    ordered: bool,
    title: str,
) -> Figure:
    """Draw the share of runs that solved the task, with Wilson's interval.

    Args:
        values: of the axis, from left to right.
        rates: label -> a rate for each value, None where no run has ended.
        axis: its name.
        ordered: values are quantities, so lines between them are meaningful.
        title: says which grid.
    """
    figure = style.new_figure(9.4, 4.8)
    axes = figure.subplots()
    counts = {rate.n for row in rates.values() for rate in row if rate is not None}
    for index, (label, row) in enumerate(rates.items()):
        # side by side: intervals in one place would hide each other
        shift = (index - (len(rates) - 1) / 2) * min(0.8 / max(len(rates), 1), 0.16)
        shown = [(place + shift, rate) for place, rate in enumerate(row) if rate is not None]
        axes.errorbar(
            [place for place, _ in shown],
            [rate.share for _, rate in shown],
            yerr=[
                [rate.share - rate.low for _, rate in shown],
                [rate.high - rate.share for _, rate in shown],
            ],
            color=style.COLOURS[index % len(style.COLOURS)],
            marker=style.MARKERS[index % len(style.MARKERS)],
            linestyle=style.DASHES[index % len(style.DASHES)] if ordered else "none",
            linewidth=1.2,
            capsize=4,
            markersize=7,
            label=label,
        )
        for place, rate in shown if len(counts) > 1 else ():
            axes.annotate(
                str(rate.n),
                (place, rate.high),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=10,
            )
    axes.set_xticks(range(len(values)), values)
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.set_ylim(-0.03, 1.03 if len(counts) == 1 else 1.1)
    axes.set_xlabel(axis, fontsize=12)
    axes.set_ylabel("share of runs that solved the task", fontsize=12)
    axes.tick_params(labelsize=11)
    axes.grid(alpha=0.25, axis="y")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=11)
    seeds = f"n = {min(counts)} seeds each" if len(counts) == 1 else "above it: n, seeds"
    figure.suptitle(
        f"Solved, by {axis}\n{title}; bar: 95 % interval (Wilson), {seeds}", fontsize=13
    )
    return figure
