"""Pictures of the gradient through time, one kind per file; matplotlib without a screen."""

from bptt.figures.curves import gradient_curves, gradient_overlay
from bptt.figures.heat_map import gradient_heat_map, heat_map_tile
from bptt.figures.style import save

__all__ = ["gradient_curves", "gradient_heat_map", "gradient_overlay", "heat_map_tile", "save"]
