"""The metric that decides, by an option of the task that was varied without training on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from bptt.figures import style
from bptt.measuring.other_options import OtherOptions

SPREAD = 8
"""How many times the smallest value the largest is where the axis is logarithmic."""


def varied_option(measured: Sequence[OtherOptions]) -> str:
    """Return the numeric option with the most values; empty: none has several."""
    counts: dict[str, int] = {}
    for name in measured[0].options if measured else ():
        values = {one.options[name] for one in measured}
        if len(values) > 1 and all(_is_number(value) for value in values):
            counts[name] = len(values)
    return max(counts, key=lambda name: counts[name], default="")


def draw_by_option(
    measured: Sequence[OtherOptions],
    *,
    title: str,
    metric: str,
    task: Mapping[str, Any],
    baseline: float | None,
) -> Figure:
    """Return a picture of the metric against the option that `varied_option` returns.

    Args:
        measured: what is drawn, one line for each combination of the other options.
        title: says which run.
        metric: its name.
        task: the options the run was trained with; the one that is varied is marked.
        baseline: of the task as trained on; None: it has none.
    """
    name = varied_option(measured)
    lines: dict[str, list[tuple[float, float]]] = {}
    for one in measured:
        if one.value is not None:
            others = [f"{n}={v}" for n, v in one.options.items() if n != name]
            lines.setdefault(" ".join(others), []).append((one.options[name], one.value))
    figure = style.new_figure(6.6, 4.4)
    axes = figure.subplots()
    for index, (label, points) in enumerate(lines.items()):
        xs, ys = zip(*sorted(points), strict=True)
        colour, marker = style.COLOURS[index % 7], style.MARKERS[index % 5]
        axes.plot(xs, ys, color=colour, marker=marker, linewidth=2.0, label=label or None)
    values = [one.options[name] for one in measured]
    if _is_number(task.get(name)):
        values.append(task[name])
        axes.axvline(task[name], color="black", linestyle="--", linewidth=1.2, label="trained on")
    if baseline is not None:
        axes.axhline(
            baseline, color="0.5", linestyle=":", linewidth=1.4, label="baseline as trained"
        )
    if 0 < SPREAD * min(values) <= max(values):
        axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(set(values)), [f"{value:g}" for value in sorted(set(values))])
    axes.minorticks_off()
    axes.set_xlabel(name, fontsize=13)
    axes.set_ylabel(f"{metric} (test)", fontsize=13)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=11)
    figure.suptitle(f"{metric} by {name}: {title}", fontsize=14)
    return figure


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
