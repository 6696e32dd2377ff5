"""Statistics of gradients through time: each is defined once, and the table lists them all.

Everything accumulates in float64, and NaN or infinity comes out where it goes in, never an
exception. What a float32 network lost before (below 1.2e-38, or 1e-7 of a sum) stays lost: where
the far past matters, compute the graph on a float64 copy of the weights.
"""
