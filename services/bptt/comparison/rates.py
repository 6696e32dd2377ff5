"""How often runs solved their task."""

import math
from collections.abc import Sequence

from bptt.comparison.interval import mean_by_key, rate_interval
from bptt.comparison.point import RESULTS, ComparedPoint
from bptt.records.comparison import Interval


def solved_share(points: Sequence[ComparedPoint]) -> Interval | None:
    """Return the share of ended runs that solved the task; None if none has ended.

    Runs with one seed are not independent, so the width of the interval depends on the seeds.
    """
    ended = [point for point in points if point.outcome in RESULTS]
    shares = mean_by_key((point.seed, float(point.solved)) for point in ended)
    return rate_interval(math.fsum(shares.values()), len(shares)) if shares else None
