"""Statistics of gradients through time: each is defined once, and the table lists them all.

Everything accumulates in float64; NaN or infinity propagates and never raises an exception. What a
float32 network has already lost (below 1.2e-38, or 1e-7 of a sum) stays lost: if the distant past
matters, compute the graph on a float64 copy of the weights.
"""
