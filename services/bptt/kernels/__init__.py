"""A cell over a whole sequence: whichever backend runs it, the result is the same."""

from bptt.kernels.reference import BACKEND, Unrolled, unroll

__all__ = ["BACKEND", "Unrolled", "unroll"]
