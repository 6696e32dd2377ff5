"""Pictures of a metric against options of the task that runs were tested with, too."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bptt.comparison.captions import Kind
from bptt.comparison.interval import mean_by_key
from bptt.comparison.point import ComparedPoint
from bptt.comparison.tested import Options, figure_of, options_told, tested_sets, value_told

if TYPE_CHECKING:
    from bptt.figures import Band, Figure

Measured = Callable[[Sequence[ComparedPoint]], "Band | None"]
TOLD = (
    "Measured once, at the end of training, with the last weights; the dashed line is what they "
    "were trained on. Means over the runs that have all values."
)


def tested_pictures(
    points: Sequence[ComparedPoint], metric: str
) -> "Iterator[tuple[Kind, Measured, Callable[..., Figure]]]":
    """Yield each picture: what it is called, what is measured of a line, and who draws it.

    Args:
        points: of one problem.
        metric: the deciding metric of its task.
    """
    from bptt.figures import curves_by_value

    for option, rows in varied(tested_sets(points)).items():
        trained = list({value_told(point.task_options.get(option)) for point in points})
        known = points[0].task_options.get(option) if len(trained) == 1 else None
        for rest, sets in rows:
            kind = Kind(
                "_".join(filter(None, [f"{metric}_by_{option}", rest])),
                ", ".join(filter(None, [f"{metric} by {option}", rest])),
                TOLD,
                without_diverged=True,
            )
            names = [figure_of(metric, name) for name in sets.values()]
            draw = partial(
                curves_by_value, metric=metric, option=option, values=list(sets), trained=known
            )
            yield kind, partial(band_of, figures=names), draw


def varied(sets: Mapping[str, Options]) -> dict[str, list[tuple[str, dict[Any, str]]]]:
    """Return the sets along each option that has several values.

    Returns:
        By the option, for each combination of the others: that in words, and the name of the set
        with each value, ascending if they are numbers.
    """
    found: dict[str, list[tuple[str, dict[Any, str]]]] = {}
    for option in dict.fromkeys(option for options in sets.values() for option in options):
        rows: dict[str, dict[Any, str]] = {}
        for name, options in sets.items():
            if option in options:
                others = {one: value for one, value in options.items() if one != option}
                rows.setdefault(options_told(others), {})[_hashable(options[option])] = name
        several = [(rest, _ascending(row)) for rest, row in rows.items() if len(row) > 1]
        if several:
            found[option] = several
    return found


def band_of(points: Sequence[ComparedPoint], figures: Sequence[str]) -> "Band | None":
    """Return means over seeds of several figures, of the runs that have all of them.

    Args:
        points: of one line.
        figures: names, one for each point of the line.
    """
    from bptt.comparison.curves import band

    whole = [p for p in points if not p.diverged and all(name in p.figures for name in figures)]
    if not whole:
        return None
    columns = [mean_by_key((p.seed, p.figures[name]) for p in whole) for name in figures]
    rows = np.array([[column[seed] for column in columns] for seed in columns[0]])
    return band(np.arange(len(figures), dtype=float), rows)


def _ascending(row: dict[Any, str]) -> dict[Any, str]:
    return dict(sorted(row.items())) if all(map(_is_number, row)) else row


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else value_told(value)
