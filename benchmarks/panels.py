"""Pieces of pictures that several measurements draw."""

import statistics
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bptt.figures import style


def finish(axes: Axes, title: str, across: str, upwards: str) -> None:
    """Name a panel and its axes."""
    axes.set_title(title, fontsize=12)
    axes.set_xlabel(across, fontsize=11)
    axes.set_ylabel(upwards, fontsize=11)
    axes.tick_params(labelsize=10)
    axes.grid(alpha=0.25)


def logarithmic_across(axes: Axes, ticks: Sequence[float]) -> None:
    """Make the lower axis logarithmic, with plain numbers at these places."""
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
    axes.set_xticks([], minor=True)


def logarithmic_up(axes: Axes) -> None:
    """Make the upright axis of what is drawn already logarithmic, with plain numbers."""
    axes.set_yscale("log")
    _plain_numbers(axes.yaxis, *axes.get_ylim())


def rows(axes: Axes, samples: Mapping[str, Sequence[float]], colours: Sequence[str]) -> None:
    """Draw medians from the top down, with bars from the least to the largest, on a log scale."""
    for place, (values, colour) in enumerate(zip(samples.values(), colours, strict=True)):
        middle = statistics.median(values)
        bar = [[middle - min(values)], [max(values) - middle]]
        axes.errorbar(middle, place, xerr=bar, color=colour, marker="o", markersize=8, capsize=4)
    axes.set_yticks(range(len(samples)), list(samples))
    axes.set_ylim(len(samples) - 0.5, -0.5)
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis, *axes.get_xlim())


def _plain_numbers(axis: Axis, low: float, high: float) -> None:
    # within a decade or two the powers of ten alone would be too few
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())


def line(
    axes: Axes,
    x: Sequence[float],
    samples: Sequence[Sequence[float]],
    label: str,
    colour: int,
    dash: int = 0,
) -> None:
    """Draw medians with bars from the least to the largest."""
    middle = [statistics.median(values) for values in samples]
    low = [m - min(values) for m, values in zip(middle, samples, strict=True)]
    high = [max(values) - m for m, values in zip(middle, samples, strict=True)]
    axes.errorbar(
        x,
        middle,
        yerr=[low, high],
        label=label,
        color=style.COLOURS[colour % len(style.COLOURS)],
        linestyle=style.DASHES[dash % len(style.DASHES)],
        marker=style.MARKERS[colour % len(style.MARKERS)],
        markersize=5,
        linewidth=1.6,
        elinewidth=1.0,
        capsize=2,
    )


def legend(figure: Figure, axes: Axes) -> None:
    """Write the legend of one panel below all of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=max(1, int(figure.get_figwidth() / 2.6)),
        frameon=False,
        fontsize=11,
    )
