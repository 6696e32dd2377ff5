"""Configurations side by side along an option of the task that they were tested with, too."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from bptt.figures import style
from bptt.figures.bands import Band, Panels, limit, mean_line, spread, spread_told
from bptt.figures.by_option import SPREAD
from bptt.figures.multiples import Multiples, Words


def curves_by_value(
    panels: Panels,
    words: Words,
    bands: Sequence[Band],
    *,
    metric: str,
    option: str,
    values: Sequence[Any],
    trained: Any,
) -> Figure:
    """Draw a metric against an option of the task, a line for each configuration.

    Args:
        panels: of this picture; `x` of a band counts the values.
        words: around them.
        bands: of all pictures that have the same scales.
        metric: its name.
        option: its name.
        values: that were measured, ascending if they are numbers.
        trained: the value that the runs were trained with, which is marked; None: unknown.
    """
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    places = list(values) if numbers else list(range(len(values)))
    names = [f"{one:g}" if numbers else str(one) for one in values]
    marked: Any = trained if numbers else {v: n for n, v in enumerate(values)}.get(trained)
    shown = [*places, *([] if marked is None else [marked])]
    wide = numbers and 0 < SPREAD * min(shown) <= max(shown)
    picture = Multiples(panels, words)
    for axes, panel in picture:
        for name, band in panel.lines.items():
            mean_line(axes, band, picture.places[name], name, at=places)
            spread(axes, band, picture.places[name], at=places)
        if marked is not None:
            told = f"trained on {option}={trained}"
            axes.axvline(marked, color=style.FAINT, linewidth=1.2, linestyle="--", label=told)
        limit(axes, bands)
        if wide:
            axes.set_xscale("log", base=2)
        axes.set_xticks(places, names)
        axes.minorticks_off()
    return picture.finish(option, f"{metric} (test)", spread_told(bands))
