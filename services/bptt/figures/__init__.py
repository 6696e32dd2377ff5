"""Pictures of the gradient through time, one kind per file; matplotlib without a display."""

from matplotlib.figure import Figure

from bptt.figures.bands import (
    Band,
    Norms,
    clipped_norms,
    clipped_shares,
    gradient_bands,
    learning_curves,
    spans_decades,
)
from bptt.figures.by_value import curves_by_value
from bptt.figures.dark import for_page
from bptt.figures.heat_map import heat_map_group
from bptt.figures.multiples import Panel, Words
from bptt.figures.overview import Row, Standings, standings
from bptt.figures.rates import Rate, Rates, solving_curves, success_rates

__all__ = [
    "Band",
    "Figure",
    "Norms",
    "Panel",
    "Rate",
    "Rates",
    "Row",
    "Standings",
    "Words",
    "clipped_norms",
    "clipped_shares",
    "curves_by_value",
    "for_page",
    "gradient_bands",
    "heat_map_group",
    "learning_curves",
    "solving_curves",
    "spans_decades",
    "standings",
    "success_rates",
]
