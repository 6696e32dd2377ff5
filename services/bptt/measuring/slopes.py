"""What a table says of a slope, besides its value."""

from collections.abc import Mapping

from bptt.measuring.table import LAYER_SLOPE, SLOPE, SLOPE_HIGHEST, SLOPE_LOWEST

ALL_LAYERS = f"{SLOPE.words} (all layers)"
MIXED = "~"
"""Before a slope whose single anchors differ in sign."""
MIXED_MEANS = f"{MIXED}: for some positions of the loss it rises, for others it falls"


def is_mixed(metrics: Mapping[str, float | None]) -> bool:
    """Say whether the slopes of a run's single anchors differ in sign."""
    lowest, highest = metrics.get(SLOPE_LOWEST.key), metrics.get(SLOPE_HIGHEST.key)
    return lowest is not None and highest is not None and lowest < 0 < highest


def slope_words(*runs: Mapping[str, float | None]) -> str:
    """Return what the slope of these runs is called: whether it is that of several layers."""
    several = any(LAYER_SLOPE.named(1) in metrics for metrics in runs)
    return ALL_LAYERS if several else SLOPE.words
