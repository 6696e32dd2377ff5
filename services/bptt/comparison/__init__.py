"""From the runs of a grid to an answer: a mean over seeds with its interval, nothing left out."""

from bptt.comparison.point import ComparedPoint, points_of
from bptt.comparison.table import compare

__all__ = ["ComparedPoint", "compare", "points_of"]
