"""What a comparison says of slopes, besides their mean: of which layers, mixed, or of old."""

import math
from collections.abc import Hashable, Sequence

from bptt.comparison.axes import without_seed
from bptt.comparison.interval import mean_interval, whole_seeds
from bptt.comparison.point import ComparedPoint
from bptt.counted import counted
from bptt.measuring.earlier import is_of_earlier_estimator
from bptt.measuring.slopes import is_mixed
from bptt.measuring.table import LAYER_SLOPE, SLOPE
from bptt.records.comparison import Interval


def mean_slope(points: Sequence[ComparedPoint], key: str = SLOPE.key) -> Interval | None:
    """Return the mean slope over the seeds that have one, for all points that any seed has."""
    by_seed: dict[int, dict[Hashable, float]] = {}
    for point in points:
        if key in point.figures:
            by_seed.setdefault(point.seed, {})[without_seed(point)] = point.figures[key]
    means = [math.fsum(one.values()) / len(one) for one in whole_seeds(by_seed).values()]
    return mean_interval(means) if means else None


def layer_slopes(points: Sequence[ComparedPoint]) -> dict[str, Interval]:
    """Return the mean slope of each layer alone, `0`, `1`, `0_backward`; none if there is one."""
    keys = {key: None for point in points for key in point.figures if LAYER_SLOPE.fits(key)}
    means = {key: mean_slope(points, key) for key in keys}
    beginning, ending = LAYER_SLOPE.beginning, LAYER_SLOPE.ending
    return {
        key.removeprefix(beginning).removesuffix(ending): mean
        for key, mean in means.items()
        if mean is not None
    }


def has_mixed_slope(points: Sequence[ComparedPoint]) -> bool:
    """Say whether single losses of one run differ in the sign of their slope, in any run."""
    return any(is_mixed(point.figures) for point in points)


def of_earlier(points: Sequence[ComparedPoint]) -> str:
    """Return a sentence on runs whose slope an earlier version computed; empty: there are none."""
    # not of `figures`: they leave out a reach that is known to be none
    measured = [(point.result or {}).get("metrics") or {} for point in points]
    number = sum(map(is_of_earlier_estimator, measured))
    if not number:
        return ""
    return (
        f"The slopes of {counted(number, 'run')} are as an earlier version computed them, for "
        "their arrays are not on this machine: they differ where a task reads every step or there "
        "are several layers."
    )
