"""A cell over a whole sequence: whichever backend runs it, the result is the same."""

from bptt.kernels.runner import Runner
from bptt.kernels.unrolled import Unrolled

__all__ = ["Runner", "Unrolled"]
