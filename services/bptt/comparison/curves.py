"""What runs measured while learning, read from their folders and averaged over seeds."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bptt.comparison.interval import CONFIDENCE
from bptt.errors import JournalDamaged
from bptt.figures.bands import Band
from bptt.figures.heat_map import FlowMap
from bptt.measuring.flow_history import FLOOR, FlowHistory, read_flow
from bptt.measuring.lag_curves import Array
from bptt.measuring.logged import CLIP_FRACTION, CLIPPED_NORM, GRAD_NORM, TRAIN_LOSS
from bptt.measuring.stored import LAG_ARRAYS, load_probes
from bptt.run_folder import RunFolder, attempts

Key = TypeVar("Key", bound=Hashable)
WINDOWS = 60
"""Points of a line over training; with more, bands would hide each other."""
SERIES = tuple(row.key for row in (TRAIN_LOSS, GRAD_NORM, CLIPPED_NORM, CLIP_FRACTION))
"""What pictures need from a journal, besides the deciding metric."""


@dataclass(frozen=True)
class Curves:
    """One run over its training."""

    outcome: str
    seed: int
    series: dict[str, tuple[Array, Array]]
    """Metric -> (steps, values), finite ones."""
    flow: FlowHistory | None
    budget: int
    """Updates that it might make: one that solved the task earlier stays as it is until then."""

    @property
    def diverged(self) -> bool:
        return self.outcome == "diverged"

    def at_end(self) -> Array | None:
        """Return log10 of the gradient's norm over the lag at the last probe, (lags,)."""
        return None if self.flow is None else self.flow.log10()[-1]


def read_curves(
    runs: Path, run_id: str, seed: int, names: Iterable[str], budget: int
) -> Curves | None:
    """Return what the newest attempt with a result measured; None if there is none here.

    Args:
        runs: the folder of all runs.
        run_id: of the run.
        seed: of the run.
        budget: updates that it might make.
        names: metrics to read from its journal.
    """
    done = (folder for folder in attempts(runs, run_id) if folder.is_finished)
    folder = next(done, None)
    result = folder.read_result() if folder else None
    if folder is None or result is None:
        return None
    measured = [(r["step"], r["metrics"]) for r in _records(folder) if "metrics" in r]
    series: dict[str, tuple[Array, Array]] = {}
    for name in names:
        found = [(step, metrics[name]) for step, metrics in measured if name in metrics]
        known = np.array([pair for pair in found if pair[1] is not None], dtype=float)
        if len(known):
            series[name] = known[:, 0], known[:, 1]
    return Curves(result.outcome, seed, series, _flow(folder), budget)


def _records(folder: RunFolder) -> list[dict[str, Any]]:
    try:
        return folder.finished_records()
    except (JournalDamaged, FileNotFoundError):
        # its figures are in the result; its curves end before the damage
        return [record for _, record in folder.readable_records()]


def _flow(folder: RunFolder) -> FlowHistory | None:
    return read_flow(load_probes(folder, LAG_ARRAYS))


def over_training(
    curves: Mapping[Key, Sequence[Curves]], name: str, *, log: bool = False
) -> dict[Key, Band]:
    """Return a metric's mean over the runs of each configuration, in windows of training steps.

    It is a mean over the same runs at every step: a diverged run does not count, one that solved
    the task keeps its last value until its budget, and the mean ends where the first of its runs
    does.

    Args:
        curves: configuration -> runs; one without a run that has the metric has no band.
        name: of the metric.
        log: average the logarithms: for norms, which differ by orders of magnitude.
    """
    held = {
        key: [c for c in runs if not c.diverged and name in c.series]
        for key, runs in curves.items()
    }
    steps = [one.series[name][0] for runs in held.values() for one in runs]
    if not steps:
        return {}
    centres, edges = _windows(np.unique(np.concatenate(steps)))
    bands = {}
    for key, runs in held.items():
        rows = np.array([_in_windows(one, name, edges, log) for one in runs])
        if runs and (known := np.isfinite(rows).all(0)).any():
            end = max(one.series[name][0][-1] for one in runs)
            at = np.minimum(centres[known], _end(runs, end, centres[-1]))
            found = band(at, _by_seed(runs, rows[:, known]))
            bands[key] = _from_log(found) if log else found
    return bands


def _end(runs: Sequence[Curves], last: float, farthest: float) -> float:
    """Return where the mean of runs ends: a window may have its centre beyond that."""
    held = min((one.budget for one in runs if one.outcome == "solved"), default=0)
    return min(max(last, held), farthest)


def _windows(steps: Array) -> tuple[Array, Array]:
    """Return centres and edges of windows of steps; one per step if there are few."""
    if len(steps) > WINDOWS:
        edges = np.linspace(steps[0], steps[-1], WINDOWS + 1)
        return (edges[1:] + edges[:-1]) / 2, edges
    return steps, np.concatenate([steps, [steps[-1] + 1]])


def _in_windows(one: Curves, name: str, edges: Array, log: bool) -> Array:
    """Return a run's mean value in each window, nan where it has none."""
    at, values = one.series[name]
    if log:
        values = np.log10(np.maximum(values, 10.0**FLOOR))
    place = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(edges) - 2)
    count = np.bincount(place, minlength=len(edges) - 1)
    total = np.bincount(place, weights=values, minlength=len(edges) - 1)
    row: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    if one.outcome == "solved":
        until = np.searchsorted(edges[:-1], one.budget, side="right")
        row[place[-1] + 1 : until] = values[-1]
    return row


def _from_log(one: Band) -> Band:
    def power(values: Array) -> Array:
        return np.asarray(10.0**values)

    return replace(
        one,
        mean=power(one.mean),
        low=power(one.low),
        high=power(one.high),
        seeds=power(one.seeds),
    )


def over_lag(curves: Sequence[Curves]) -> Band | None:
    """Return the mean of log10 of the gradient's norm at the last probe, over the lag."""
    held = [(c, values) for c in curves if (values := c.at_end()) is not None]
    if not held:
        return None
    rows = np.full((len(held), max(len(values) for _, values in held)), np.nan)
    for row, (_, values) in zip(rows, held, strict=True):
        row[: len(values)] = np.where(np.isfinite(values), values, np.nan)
    by_seed = _by_seed([c for c, _ in held], rows)
    alone = [c.flow.alone_from for c, _ in held if c.flow and c.flow.alone_from is not None]
    found = band(np.arange(rows.shape[1], dtype=float), by_seed)
    return replace(found, alone_from=min(alone, default=None))


def flow_map(curves: Sequence[Curves]) -> FlowMap | None:
    """Return the mean of log10 of the gradient's norm over lag and training step.

    Every row is a mean over the same runs. One that solved the task stays as its last probe found
    it, since its weights do, until its budget. Diverged runs do not count, but where all did:
    those are shown until the first of them has no probe any more.
    """
    measured = [c for c in curves if c.flow is not None]
    runs = [c for c in measured if not c.diverged] or measured
    flows = [c.flow for c in runs if c.flow is not None]
    if not flows:
        return None
    steps = np.unique(np.concatenate([flow.steps for flow in flows]))
    lags = max(flow.lags for flow in flows)
    cube = np.full((len(flows), len(steps), lags), np.nan)
    known = np.zeros((len(flows), len(steps)), dtype=bool)
    for layer, there, run, flow in zip(cube, known, runs, flows, strict=True):
        # non-finite counts as unknown here; how often it happened is counted elsewhere
        values = np.where(np.isfinite(flow.log10()), flow.log10(), np.nan)
        at = np.searchsorted(steps, flow.steps)
        layer[at, : flow.lags], there[at] = values, True
        if run.outcome == "solved":
            held = slice(at[-1] + 1, np.searchsorted(steps, run.budget, side="right"))
            layer[held, : flow.lags], there[held] = values[-1], True
    complete = known.all(0)
    if not complete.any():
        return None
    by_seed = _by_seed(runs, cube[:, complete])
    return FlowMap(steps[complete], _mean(by_seed), len(by_seed))


def _by_seed(runs: Sequence[Curves], rows: Sequence[Array] | Array) -> Array:
    """Return the mean over the runs of each seed: they are not independent of each other."""
    gathered: dict[int, list[Array]] = {}
    for one, row in zip(runs, rows, strict=True):
        gathered.setdefault(one.seed, []).append(row)
    return np.stack([_mean(np.stack(held)) for held in gathered.values()])


def band(x: Array, rows: Array) -> Band:
    """Return the mean over rows with Student's t interval; nan where nothing is known.

    Args:
        x: (points,).
        rows: (seeds, points), nan where a seed has no value.
    """
    from scipy.special import stdtrit

    n = np.isfinite(rows).sum(0)
    mean = _mean(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.nansum((rows - mean) ** 2, axis=0) / (n - 1))
        reach = stdtrit(np.maximum(n - 1, 1), (1 + CONFIDENCE) / 2) * spread / np.sqrt(n)
    reach = np.where(n > 1, reach, np.nan)
    return Band(x, mean, mean - reach, mean + reach, rows)


def _mean(rows: Array) -> Array:
    """Return the mean over the first axis, ignoring nan; nan where all are."""
    n = np.isfinite(rows).sum(0)
    total: Array = np.nansum(rows, axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
