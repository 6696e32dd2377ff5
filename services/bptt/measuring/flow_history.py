"""`FlowHistory`: the gradient through time at every probe of a run, read from its arrays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bptt.measuring.lag_curves import Array, LagCurves, lag_curves, places
from bptt.measuring.table import ANCHORS

FLOOR = -30.0
"""log10 of a norm that is zero; what lies below it is nothing to any sum in float32."""

TOGETHER = ""
"""Key of all states, taken as one vector: no cell has a state of this name."""


@dataclass(frozen=True)
class FlowHistory:
    """The gradient with respect to the states of the forward cells of all layers, by lag."""

    steps: NDArray[np.int64]
    """(probes,) optimiser updates done at each probe."""
    curves: Mapping[str, Array]
    """State, or `TOGETHER` for all of them -> (probes, lags): log10 of the norm of dL_t/ds_{t-k},
    chained over the anchors t."""
    anchors: NDArray[np.int64]
    """Positions t of the losses that were traced back; for most tasks only the last."""
    singles: Mapping[str, Array] = field(default_factory=dict)
    """State or `TOGETHER` -> (anchors, lags): the same for each anchor alone, at the last probe."""
    alone_from: int | None = None
    """First lag that only one of several anchors has, if there is one."""
    layers: int = 1
    """How many layers' states are taken together."""
    time: int | None = None
    """Number of positions of the sequence; None: the last anchor is the last one."""
    every: int | None = None
    """Steps from one window of truncated backpropagation to the next; None: the window's length."""

    @property
    def states(self) -> list[str]:
        """Names of the states of one cell."""
        return [state for state in self.curves if state != TOGETHER]

    @property
    def lags(self) -> int:
        """Number of lags."""
        return int(self.curves[TOGETHER].shape[1])

    def log10(self, state: str = TOGETHER) -> Array:
        """Return log10 of the norm for one state, or for all together, (probes, lags).

        All states together make cells comparable: an LSTM's gradient travels through its memory c,
        which h alone does not show. Never below the floor.
        """
        return np.maximum(self.curves[state], FLOOR)

    def window_edge(self, truncation: int | None) -> float | None:
        """Return the lag beyond which truncated backpropagation leaves no gradient, if any.

        Windows are counted from the end of the sequence: the loss at its last position reaches
        back truncation - 1 steps, an earlier one to the start of its window, the last window, by
        `every`, that contains it.
        """
        if truncation is None:
            return None
        time = int(self.anchors.max()) + 1 if self.time is None else self.time
        every = self.every or truncation
        begins = time - every * ((time - 1 - self.anchors) // every) - truncation
        farthest = int((self.anchors - np.maximum(begins, 0)).max())
        return farthest + 0.5 if farthest < self.lags - 1 else None


def read_flow(
    probes: Iterable[tuple[int, Mapping[str, Array]]], every: int | None = None
) -> FlowHistory | None:
    """Return the history that probes of a run make up, or None if they hold none.

    One that holds nothing is left out: one probe fewer does no harm.

    Args:
        probes: step and arrays of each, as from `load_probes`.
        every: steps from one window of truncated backpropagation to the next; None: as many as it
            has.
    """
    steps: list[int] = []
    curves: list[dict[str, Array]] = []
    latest: dict[str, LagCurves] = {}
    arrays: Mapping[str, Array] = {}
    for step, measured in probes:
        found = _by_state(measured)
        shapes = {state: one.chained.shape for state, one in found.items()}
        if found and (not curves or shapes == {s: row.shape for s, row in curves[0].items()}):
            steps.append(step)
            curves.append({state: one.chained for state, one in found.items()})
            latest, arrays = found, measured
    if not curves:
        return None
    lags = [place for place in places(arrays).items() if place[1][1] == "forward"]
    return FlowHistory(
        steps=np.array(steps),
        curves={state: np.stack([curve[state] for curve in curves]) for state in latest},
        anchors=arrays[ANCHORS.key].astype(np.int64),
        singles={state: one.log10 for state, one in latest.items()},
        alone_from=latest[TOGETHER].alone_from,
        layers=len({layer for _, (layer, _, _) in lags}),
        time=max(int(arrays[name].shape[-1]) for name, _ in lags),
        every=every,
    )


def _by_state(arrays: Mapping[str, Array]) -> dict[str, LagCurves]:
    """Return the lag curves of each state of the forward cells, and of all states together."""
    forward = [state for _, way, state in places(arrays).values() if way == "forward"]
    found = {state: lag_curves(arrays, state=state) for state in dict.fromkeys(forward)}
    found[TOGETHER] = lag_curves(arrays)
    return {state: curves for state, curves in found.items() if curves is not None}
