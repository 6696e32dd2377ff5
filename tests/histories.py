"""The gradient through time of runs that nobody trained."""

import numpy as np

from bptt.measuring.flow_history import TOGETHER, FlowHistory


def history(steps, norms, anchors, **others):
    """Return a history of norms by state, (probes, lags) each."""
    norms = {**norms, TOGETHER: np.hypot.reduce(list(norms.values()))}
    with np.errstate(divide="ignore"):
        curves = {state: np.log10(values) for state, values in norms.items()}
    return FlowHistory(np.array(steps), curves, np.array(anchors), **others)


def staircase():
    """Three losses at 2, 4 and 6, each a hundred times the one before, all falling by .1 a step."""
    curves = np.full((3, 7), np.nan)
    for row, (t, level) in enumerate(((2, -4), (4, -2), (6, 0))):
        curves[row, : t + 1] = 10.0 ** (level - 0.1 * np.arange(t + 1))
    return {"anchors": np.array([2.0, 4.0, 6.0]), "lag/0/forward/h": curves}
