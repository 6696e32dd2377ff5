"""`FlowHistory`: the gradient through time at every probe of a run, read from its arrays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

FLOOR = -30.0
"""log10 of a norm that is zero; below it float64 arithmetic says nothing either."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FlowHistory:
    """Norms of the gradient with respect to the states of the top layer, read forward."""

    steps: NDArray[np.int64]
    """(probes,) optimiser updates done at each probe."""
    norms: Mapping[str, Array]
    """State -> (probes, lags): 2-norm of dL/ds at k steps before the loss, k = 0, 1, ..."""

    @property
    def lags(self) -> int:
        """Number of lags."""
        return int(next(iter(self.norms.values())).shape[1])

    def log10(self, state: str = "h") -> Array:
        """Return log10 of the norms of one state, (probes, lags); never below the floor."""
        with np.errstate(divide="ignore"):
            return np.maximum(np.log10(self.norms[state]), FLOOR)

    def until(self, step: int) -> Self:
        """Return the history up to and with `step`."""
        kept = self.steps <= step
        return type(self)(self.steps[kept], {s: norms[kept] for s, norms in self.norms.items()})


def read_flow(files: Iterable[Path]) -> FlowHistory | None:
    """Read the history from the statistics files of a run, or None if they hold none.

    A file that is missing or damaged is passed over: one probe less does no harm.
    """
    steps: list[int] = []
    curves: list[dict[str, Array]] = []
    for file in files:
        found = _curves(load_arrays(file))
        if found and (not curves or _shapes(found) == _shapes(curves[0])):
            steps.append(int(file.stem))
            curves.append(found)
    if not curves:
        return None
    return FlowHistory(
        np.array(steps), {s: np.stack([curve[s] for curve in curves]) for s in curves[0]}
    )


def load_arrays(file: Path) -> dict[str, Array]:
    """Return the arrays of one statistics file; none if it is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile):
        return {}


def _curves(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return norm by lag for each state of the top layer.

    Where the loss is read at every step, dL/ds_t sums over all later losses; the lag arrays
    follow the loss of single anchors back, and their mean is the curve over the lag.
    """
    for kind in ("lag", "flow"):
        names = [name.split("/") for name in arrays if name.startswith(f"{kind}/")]
        layers = [int(layer) for _, layer, direction, _ in names if direction == "forward"]
        if not layers:
            continue
        top = f"{kind}/{max(layers)}/forward/"
        states = {name.removeprefix(top): arrays[name] for name in arrays if name.startswith(top)}
        if kind == "flow":
            return {state: norms[::-1] for state, norms in states.items()}
        return {state: _mean_over_anchors(norms) for state, norms in states.items()}
    return {}


def _mean_over_anchors(norms: Array) -> Array:
    # lags beyond the past of every anchor hold only NaN, of which nanmean would warn
    counts = np.sum(~np.isnan(norms), axis=0)
    mean = np.nansum(norms, axis=0) / np.maximum(counts, 1)
    return np.where(counts > 0, mean, np.nan)


def _shapes(curves: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    return {state: norms.shape for state, norms in curves.items()}
