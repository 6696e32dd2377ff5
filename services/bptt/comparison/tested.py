"""What runs measured with other options of their task than they were trained with."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bptt.comparison.column import Column, column_of
from bptt.comparison.metrics import Measure, baseline_of
from bptt.comparison.point import ComparedPoint
from bptt.measuring.logged import TEST_METRIC
from bptt.registry import wording

Options = Mapping[str, Any]


def tested_sets(points: Iterable[ComparedPoint]) -> dict[str, Options]:
    """Return the options of each set by its name, `length_20`, in the order of the files."""
    found: dict[str, Options] = {}
    for point in points:
        found |= {name: one for name, one in point.tested.items() if name not in found}
    return found


def options_told(options: Options) -> str:
    """Return `length=20`, or `delay=10 length=20`."""
    return " ".join(f"{name}={value_told(value)}" for name, value in options.items())


def tested_columns(
    by_config: Mapping[str, Sequence[ComparedPoint]], own: Measure, by: Sequence[str]
) -> dict[str, Column]:
    """Return the deciding metric of the task on each set, `length=20`, that any run has.

    Args:
        by_config: the points of each configuration.
        own: the deciding metric.
        by: axes that distinguish configurations; none: all but the seed.
    """
    points = [point for held in by_config.values() for point in held]
    if any(point.moment != "end" for point in points):
        return {}
    measured = {name for point in points for name in point.figures}
    found = {}
    for of, options in tested_sets(points).items():
        if (name := figure_of(own.short, of)) in measured:
            measure = Measure(name, name, own.better, baseline_of(name, own, points))
            found[options_told(options)] = column_of(by_config, measure, by)
    return found


def figure_of(metric: str, of: str) -> str:
    """Return the name of a metric's figure on a set: `test/accuracy_length_20`."""
    return TEST_METRIC.named(f"{metric}_{of}")


def value_told(value: Any) -> str:
    """Return a value of an option in words."""
    return value if isinstance(value, str) else wording.show(value).removesuffix(".0")
