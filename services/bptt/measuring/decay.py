"""A lag curve in four numbers: how fast it decays and how far it reaches."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

HORIZON_SHARE = 0.1
"""The horizon is the lag at which less than this share of the gradient at lag 0 is left."""


@dataclass(frozen=True)
class Decay:
    """How a gradient's norm changes with the lag."""

    slope: float
    """log10 of the norm per step of lag: negative if it vanishes, positive if it explodes."""
    half_life: float
    """Steps over which the norm halves, log10(2) / -slope; infinity if it does not decay."""
    horizon: float
    """First lag with less than a tenth of the norm at lag 0; infinity if there is none."""
    ratio: float
    """log10 (norm at the largest lag / norm at lag 0); -infinity if nothing arrives."""


def fit_decay(curve: Float[Tensor, "lags"], first_lag: int = 0) -> Decay:
    """Return the decay of a lag curve by least squares of log10(norm) against the lag.

    Args:
        curve: (lags,) norms from lag 0 on; for a curve along time (time,), its `flip(0)`.
        first_lag: lags before it do not count in the slope, because the nearest steps still see
            the read-out's own direction.

    Returns:
        The decay. Norms that are 0, NaN or infinite do not count in the slope; with fewer than
        two others, slope and half-life are NaN. Horizon and ratio are NaN where the norm at lag 0
        is 0 or not finite, or the one at the largest lag is NaN.
    """
    norms = curve.double()
    slope = _slope(norms, first_lag)
    half_life = math.nan if math.isnan(slope) else math.inf
    if slope < 0:
        half_life = math.log10(2) / -slope
    newest, oldest = float(norms[0]), float(norms[-1])
    if not 0 < newest < math.inf:
        return Decay(slope, half_life, math.nan, math.nan)
    below = torch.nonzero(norms < HORIZON_SHARE * newest).flatten()
    horizon = float(below[0]) if len(below) else math.inf
    ratio = math.log10(oldest) - math.log10(newest) if oldest else -math.inf
    return Decay(slope, half_life, horizon, ratio)


def _slope(norms: Tensor, first_lag: int) -> float:
    lags = torch.arange(len(norms), dtype=torch.float64)
    usable = (lags >= first_lag) & (norms > 0) & norms.isfinite()
    if usable.sum() < 2:
        return math.nan
    x, y = lags[usable], norms[usable].log10()
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x))
