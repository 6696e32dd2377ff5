"""From the runs of a grid to an answer: a mean over seeds with its interval, nothing left out.

The command line imports the wording without what computes: `compare` is in `table`, with numpy.
"""

from bptt.comparison.point import ComparedPoint, points_of

__all__ = ["ComparedPoint", "points_of"]
