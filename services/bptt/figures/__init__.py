"""Pictures of the gradient through time, one kind per file; matplotlib without a screen."""

from matplotlib.figure import Figure

from bptt.figures.bands import clipping_bands, gradient_bands, learning_curves
from bptt.figures.curves import gradient_curves, gradient_overlay
from bptt.figures.heat_map import gradient_heat_map, heat_map_group, heat_map_tile
from bptt.figures.rates import success_rates
from bptt.figures.style import save

__all__ = [
    "Figure",
    "clipping_bands",
    "gradient_bands",
    "gradient_curves",
    "gradient_heat_map",
    "gradient_overlay",
    "heat_map_group",
    "heat_map_tile",
    "learning_curves",
    "save",
    "success_rates",
]
