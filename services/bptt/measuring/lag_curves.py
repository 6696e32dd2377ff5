"""`LagCurves`: how the gradient of each traced loss fades with the lag, and what that comes to.

The one estimator: probes, tables, pictures and MLflow have every figure of a lag curve from here,
and results of earlier versions are computed again by it (docs/decisions/0036). Without torch,
because a comparison needs no more than the arrays.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bptt.measuring.table import (
    ANCHORS,
    HALF_LIFE,
    HORIZON,
    LAG,
    LAYER_SLOPE,
    RATIO,
    REACH,
    SLOPE,
    SLOPE_BACKWARD,
    SLOPE_HIGHEST,
    SLOPE_LOWEST,
)

Array = NDArray[np.float64]
Place = tuple[int, str, str]
"""Layer, direction and state of an array."""

FIRST_LAG = 1
"""Lag 0 does not count in a slope: there the loss sees the state through the read-out alone."""


@dataclass(frozen=True)
class LagCurves:
    """The norm of dL_t/ds_{t-k} by lag k, for each loss L_t that was traced back."""

    log10: Array
    """(anchors, lags); NaN where there is no such position or the norm is NaN, -infinity where
    nothing arrives."""

    @cached_property
    def chained(self) -> Array:
        """One curve of all anchors, (lags,): their mean at lag 0, then the mean step of each lag.

        Anchors lie at different levels and the early ones have few lags. A mean over those that
        have a lag therefore jumps wherever one drops out; a mean over their steps does not. A step
        counts if the norm is neither 0 nor NaN nor infinite at both ends of it. With one anchor
        this is its own curve.
        """
        if len(self.log10) == 1:
            only: Array = self.log10[0]
            return only
        known = np.isfinite(self.log10)
        both = known[:, 1:] & known[:, :-1]
        with np.errstate(invalid="ignore"):
            steps = np.where(both, np.diff(self.log10), 0.0).sum(0) / np.maximum(both.sum(0), 1)
        steps = np.where(both.any(0), steps, _unchained(self.log10[:, 1:]))
        start = _unchained(self.log10[:, :1])
        if known[:, 0].any():
            start = self.log10[known[:, 0], :1].mean(0)
        with np.errstate(invalid="ignore"):
            chain: Array = np.cumsum(np.concatenate([start, steps]))
        return chain

    @cached_property
    def _of_anchors(self) -> list[tuple[float, float]]:
        return [_products(row) for row in self.log10]

    @cached_property
    def slopes(self) -> Array:
        """Slope of each anchor alone, from lag 1 on, (anchors,); NaN: it has too few lags."""
        return np.array([a / b if b else math.nan for a, b in self._of_anchors])

    @property
    def slope(self) -> float:
        """log10 of the norm per step of lag: one slope for all, a level of its own for each.

        sum_a sum_k (k - mean k_a) (y_ak - mean y_a) / sum_a sum_k (k - mean k_a)^2: the regression
        within anchors. Norms that are 0, NaN or infinite do not count, nor does an anchor with
        fewer than two others; NaN if none is left.
        """
        above, below = np.sum(self._of_anchors, axis=0)
        return float(above / below) if below else math.nan

    @property
    def half_life(self) -> float:
        """Steps of lag over which the norm halves, log10(2) / -slope; infinity: it does not."""
        slope = self.slope
        if math.isnan(slope):
            return math.nan
        return math.log10(2) / -slope if slope < 0 else math.inf

    @property
    def horizon(self) -> float:
        """First lag at which the chained curve is a decade below lag 0; infinity: there is none.

        NaN where the norm at lag 0 is 0 or not finite.
        """
        if not math.isfinite(self.chained[0]):
            return math.nan
        below = np.flatnonzero(self.chained < self.chained[0] - 1)
        return float(below[0]) if len(below) else math.inf

    @property
    def ratio(self) -> float:
        """Chained curve at the largest lag, minus lag 0; -infinity if nothing arrives.

        NaN where the norm at lag 0 is 0 or not finite, or the one at the largest lag is NaN.
        """
        return self.at_largest_lag - float(self.chained[0]) if self.has_start else math.nan

    @property
    def has_start(self) -> bool:
        """Whether the norm at lag 0 is a number that others can be compared with."""
        return math.isfinite(self.chained[0])

    @property
    def at_largest_lag(self) -> float:
        """The chained curve at the largest lag that any anchor has."""
        if len(self.log10) == 1:
            return float(self.chained[-1])
        reached = np.flatnonzero(~np.isnan(self.log10).all(0))
        return float(self.chained[reached[-1]]) if len(reached) else math.nan

    @property
    def alone_from(self) -> int | None:
        """First lag that only one of several anchors has; None: there is none."""
        if len(self.log10) == 1:
            return None
        alone = np.flatnonzero((~np.isnan(self.log10)).sum(0) == 1)
        return int(alone[0]) if len(alone) else None


def lag_curves(
    arrays: Mapping[str, Array],
    direction: str = "forward",
    layer: int | None = None,
    state: str | None = None,
) -> LagCurves | None:
    """Return the curves of the gradient with respect to some states together, taken as one vector.

    All layers at once, because the way back from a loss may lead through any of them: from the top
    alone a gradient that goes on in the layer below looks lost, and from the bottom alone it grows
    at first, while it comes down.

    Args:
        arrays: of one probe, by name.
        direction: of the cells.
        layer: None: the cells of all layers.
        state: None: all states of a cell.

    Returns:
        The curves; None if there are no such states.
    """
    norms = [
        arrays[name]
        for name, place in places(arrays).items()
        if place[1] == direction and layer in (None, place[0]) and state in (None, place[2])
    ]
    if not norms or ANCHORS.key not in arrays:
        return None
    together: Array = np.hypot.reduce(norms)
    if direction == "forward":
        # before the start of the sequence there is nothing
        together = together[:, : int(arrays[ANCHORS.key].max()) + 1]
    else:
        there = np.flatnonzero(~np.isnan(together).all(0))
        together = together[:, : there[-1] + 1] if len(there) else together[:, :1]
    with np.errstate(divide="ignore"):
        return LagCurves(np.log10(together))


def places(arrays: Mapping[str, object]) -> dict[str, Place]:
    """Return layer, direction and state of each lag array, from the input up, by its name."""
    parts = {name: name.split("/") for name in arrays if LAG.fits(name)}
    found = {name: (int(layer), way, state) for name, (_, layer, way, state) in parts.items()}
    return dict(sorted(found.items(), key=lambda item: (item[1][0], item[1][1] != "forward")))


def scalars_of(arrays: Mapping[str, Array]) -> dict[str, float]:
    """Return every figure of the lag curves of one probe by its key; none if there are no curves.

    Args:
        arrays: of the probe, by name.
    """
    found = lag_curves(arrays)
    if found is None:
        return {}
    cells = dict.fromkeys(place[:2] for place in places(arrays).values())
    figures = {
        SLOPE.key: found.slope,
        HALF_LIFE.key: found.half_life,
        HORIZON.key: found.horizon,
        RATIO.key: found.ratio,
        REACH.key: _reach(arrays, found, [layer for layer, way in cells if way == "forward"]),
    }
    slopes = found.slopes[np.isfinite(found.slopes)]
    if len(slopes) > 1:
        figures |= {SLOPE_LOWEST.key: float(slopes.min()), SLOPE_HIGHEST.key: float(slopes.max())}
    if (backward := lag_curves(arrays, "backward")) is not None:
        figures[SLOPE_BACKWARD.key] = backward.slope
    for layer, way in cells if len(cells) > 1 else ():
        own = lag_curves(arrays, way, layer)
        assert own is not None
        figures[LAYER_SLOPE.named(layer if way == "forward" else f"{layer}_{way}")] = own.slope
    return figures


def _reach(arrays: Mapping[str, Array], found: LagCurves, layers: Sequence[int]) -> float:
    if len(layers) == 1:
        return found.ratio
    bottom, top = (lag_curves(arrays, layer=choose(layers)) for choose in (min, max))
    assert bottom is not None
    assert top is not None
    return bottom.at_largest_lag - float(top.chained[0]) if top.has_start else math.nan


def _products(row: Array) -> tuple[float, float]:
    """Return sum (k - mean k) (y - mean y) and sum (k - mean k)^2; 0, 0 if lags are too few."""
    x = np.arange(FIRST_LAG, len(row), dtype=np.float64)
    y = row[FIRST_LAG:]
    usable = np.isfinite(y)
    if not usable.all():
        x, y = x[usable], y[usable]
    if len(x) < 2:
        return 0.0, 0.0
    x = x - x.mean()
    return float(x @ (y - y.mean())), float(x @ x)


def _unchained(values: Array) -> Array:
    """Return what a curve becomes where no anchor has a step, (lags,) of (anchors, lags)."""
    ends = np.where((values == -math.inf).any(0), -math.inf, math.nan)
    return np.where((values == math.inf).any(0), math.inf, ends)
