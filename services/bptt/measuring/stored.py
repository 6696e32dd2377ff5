"""Statistics arrays as a run's folder holds them, and results of earlier versions computed anew."""

import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bptt.measuring.lag_curves import Array, scalars_of
from bptt.measuring.table import ANCHORS, LAG
from bptt.run_folder import RunFolder, attempts

LAG_ARRAYS = (LAG.beginning, ANCHORS.key, "steps")
"""Prefixes of the names of the arrays that make up lag curves."""
REMEMBERED = 20_000
"""Runs of earlier versions whose figures a process keeps: they never change."""


def load_arrays(file: Path, beginnings: tuple[str, ...] = ("",)) -> dict[str, Array]:
    """Return the arrays of one statistics file; none if it is missing or damaged.

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


def load_stacked(folder: RunFolder) -> dict[str, Array]:
    """Return the lag arrays of all probes, (probes, ...) each, once they are in one file."""
    return load_arrays(folder.artifacts / "flow" / "flow.npz", LAG_ARRAYS)


def renewed(
    metrics: Mapping[str, Any], folder: RunFolder | None, at: int | None = None
) -> dict[str, Any]:
    """Return the last figures of a run, those of its lag curves computed from its arrays.

    Args:
        metrics: as the result has them.
        folder: of the run, with the arrays of the probe; without them nothing changes.
        at: step of whose last probe they are; None: of the run's last.
    """
    return {**metrics, **dict(_computed(str(folder.path), at) if folder else ())}


def finished_folder(runs: Path, run_id: str) -> RunFolder | None:
    """Return the folder of a queued run's newest attempt with a result, if it is here."""
    return next((one for one in attempts(runs, run_id) if one.is_finished), None)


def _until(stacked: Mapping[str, Array], at: int | None) -> dict[str, Array]:
    """Return the arrays of the last probe until a step."""
    steps = stacked.get("steps", np.zeros(0))
    rows = np.flatnonzero(steps <= (np.inf if at is None else at))
    return {name: values[rows[-1]] for name, values in stacked.items()} if len(rows) else {}


@lru_cache(maxsize=REMEMBERED)
def _computed(path: str, at: int | None) -> tuple[tuple[str, float | None], ...]:
    folder = RunFolder(Path(path))
    files = [file for file in folder.probe_files() if at is None or int(file.stem) <= at]
    arrays = load_arrays(files[-1], LAG_ARRAYS) if files else {}
    if not arrays:
        arrays = _until(load_stacked(folder), at)
    try:
        found = scalars_of(arrays)
    except (ValueError, IndexError):
        # a damaged array concerns only this run
        return ()
    return tuple((key, value if np.isfinite(value) else None) for key, value in found.items())
