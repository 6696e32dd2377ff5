"""A cell over a whole sequence; the result is the same whichever backend runs it."""

from bptt.kernels.runner import Runner
from bptt.kernels.unrolled import Unrolled

__all__ = ["Runner", "Unrolled"]
