"""From the runs of a grid to an answer: a mean over seeds with its interval, nothing left out."""

from bptt.comparison.interval import Interval, mean_interval, rate_interval
from bptt.comparison.table import Comparison, Group, Point, compare

__all__ = [
    "Comparison",
    "Group",
    "Interval",
    "Point",
    "compare",
    "mean_interval",
    "rate_interval",
]
