"""From the runs of a grid to an answer: a mean over seeds with its interval, nothing left out."""

from bptt.comparison.point import Point, points_of
from bptt.comparison.table import compare

__all__ = ["Point", "compare", "points_of"]
