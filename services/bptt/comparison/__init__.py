"""From the runs of a grid to an answer: a mean over seeds with its interval, nothing left out."""

from bptt.comparison.interval import Interval, mean_interval, rate_interval
from bptt.comparison.point import Point, points_of
from bptt.comparison.table import BestRun, Comparison, Group, Lacking, compare

__all__ = [
    "BestRun",
    "Comparison",
    "Group",
    "Interval",
    "Lacking",
    "Point",
    "compare",
    "mean_interval",
    "points_of",
    "rate_interval",
]
