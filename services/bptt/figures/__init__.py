"""Pictures of the gradient through time, one kind per file; matplotlib without a display."""

from matplotlib.figure import Figure

from bptt.figures.bands import clipping_bands, gradient_bands, learning_curves, spans_decades
from bptt.figures.heat_map import heat_map_group
from bptt.figures.rates import success_rates

__all__ = [
    "Figure",
    "clipping_bands",
    "gradient_bands",
    "heat_map_group",
    "learning_curves",
    "spans_decades",
    "success_rates",
]
