"""`FlowHistory`: the gradient through time at every probe of a run, read from its arrays."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from bptt.measuring.table import ANCHORS, LAG

FLOOR = -30.0
"""log10 of a norm that is zero; float64 arithmetic is meaningless below it anyway."""

LAG_ARRAYS = (LAG.beginning, ANCHORS.key, "steps")
"""Prefixes of the names of the arrays that make up a history."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FlowHistory:
    """Norms of the gradient with respect to the states of the top layer, read forward."""

    steps: NDArray[np.int64]
    """(probes,) optimiser updates done at each probe."""
    norms: Mapping[str, Array]
    """State -> (probes, lags): 2-norm of dL/ds at k steps before the loss, k = 0, 1, ..."""
    anchors: NDArray[np.int64]
    """Positions of the losses over which the curves are averaged; for most tasks only the last."""
    time: int | None = None
    """Number of positions of the sequence; None: the last anchor is the last one."""
    every: int | None = None
    """Steps from one window of truncated backpropagation to the next; None: the window's length."""

    @property
    def lags(self) -> int:
        """Number of lags."""
        return int(next(iter(self.norms.values())).shape[1])

    def log10(self, state: str | None = None) -> Array:
        """Return log10 of the norms of one state, or of all together, (probes, lags).

        All states together make cells comparable: an LSTM's gradient travels through its memory c,
        which h alone does not show. Never below the floor.
        """
        norms = self.norms[state] if state else np.hypot.reduce(list(self.norms.values()))
        with np.errstate(divide="ignore"):
            return np.maximum(np.log10(norms), FLOOR)

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


def read_flow(files: Iterable[Path], every: int | None = None) -> FlowHistory | None:
    """Read the history from the statistics files of a run, or None if they hold none.

    A missing or damaged file is skipped: one probe fewer does no harm.
    """
    steps: list[int] = []
    curves: list[dict[str, Array]] = []
    anchors, time = np.zeros(1, dtype=np.int64), 0
    for file in files:
        arrays = load_arrays(file, LAG_ARRAYS)
        found = _curves(arrays)
        if found and (not curves or _shapes(found) == _shapes(curves[0])):
            steps.append(int(file.stem))
            curves.append(found)
            anchors, time = arrays[ANCHORS.key].astype(np.int64), _time(arrays)
    if not curves:
        return None
    stacked = {state: np.stack([curve[state] for curve in curves]) for state in curves[0]}
    return FlowHistory(np.array(steps), stacked, anchors, time, every)


def read_stacked(arrays: Mapping[str, Array]) -> FlowHistory | None:
    """Read the history from arrays of all probes, stacked along a first axis, and their steps."""
    steps = arrays["steps"].astype(np.int64)
    curves = [
        _curves({name: values[row] for name, values in arrays.items() if name != "steps"})
        for row in range(len(steps))
    ]
    if not curves or not all(curves) or ANCHORS.key not in arrays:
        return None
    stacked = {state: np.stack([curve[state] for curve in curves]) for state in curves[0]}
    return FlowHistory(steps, stacked, arrays[ANCHORS.key][-1].astype(np.int64), _time(arrays))


def _time(arrays: Mapping[str, Array]) -> int:
    lags = [values for name, values in arrays.items() if name.startswith(LAG.beginning)]
    return max((int(values.shape[-1]) for values in lags), default=0)


def load_arrays(file: Path, beginnings: tuple[str, ...] = ("",)) -> dict[str, Array]:
    """Return the arrays of one statistics file; None if it is missing or damaged.

    Args:
        file: `.npz`.
        beginnings: prefixes of the names of the arrays to read.
    """
    try:
        # opened here, because numpy does not close a file that it cannot read
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays if name.startswith(beginnings)}
    except (OSError, BadZipFile, zlib.error, EOFError, ValueError, RuntimeError):
        return {}


def _curves(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the mean over the anchors of the norm by lag, for each state of the top layer."""
    names = [name.split("/") for name in arrays if name.startswith(LAG.beginning)]
    layers = [int(layer) for _, layer, direction, _ in names if direction == "forward"]
    if not layers:
        return {}
    top = LAG.named(max(layers), "forward", "")
    # before the start of an anchor's sequence there is nothing to average
    lags = np.arange(int(arrays[ANCHORS.key].max()) + 1)
    reached = lags <= arrays[ANCHORS.key][:, np.newaxis]
    return {
        name.removeprefix(top): np.where(reached, arrays[name][:, : len(lags)], 0.0).sum(0)
        / reached.sum(0)
        for name in arrays
        if name.startswith(top)
    }


def _shapes(curves: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    return {state: norms.shape for state, norms in curves.items()}
