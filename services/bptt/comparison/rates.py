"""How often runs solved their task."""

import math
from collections.abc import Hashable, Sequence

from bptt.comparison.axes import without_seed
from bptt.comparison.interval import rate_interval, whole_seeds
from bptt.comparison.point import RESULTS, ComparedPoint
from bptt.records.comparison import Interval


def solved_share(points: Sequence[ComparedPoint]) -> Interval | None:
    """Return the share of ended runs that solved the task; None if none has ended, or trained.

    Runs with one seed are not independent, so the width of the interval depends on the seeds; one
    counts if all points that any seed has ended in it.
    """
    by_seed: dict[int, dict[Hashable, float]] = {}
    for point in points:
        if point.outcome in RESULTS and not point.untrained:
            by_seed.setdefault(point.seed, {})[without_seed(point)] = float(point.solved)
    shares = [math.fsum(one.values()) / len(one) for one in whole_seeds(by_seed).values()]
    return rate_interval(math.fsum(shares), len(shares)) if shares else None
