"""Statistics arrays as a run's folder holds them, and results of earlier versions computed anew.

While a run trains each probe has a file of its own; once it has ended one file has them all,
stacked by name along a first axis. Earlier versions left both.
"""

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from bptt.measuring.lag_curves import Array, scalars_of
from bptt.measuring.table import ANCHORS, LAG
from bptt.run_folder import RunFolder, attempts

LAG_ARRAYS = (LAG.beginning, ANCHORS.key)
"""Prefixes of the names of the arrays that make up lag curves."""
STEPS = "steps"
"""Name of the steps of the probes in a file of all of them."""
REMEMBERED = 20_000
"""Runs of earlier versions whose figures a process keeps: they never change."""


class StoredProbe(NamedTuple):
    """What one probe measured."""

    step: int
    arrays: Mapping[str, Array]


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


def load_probes(folder: RunFolder, beginnings: tuple[str, ...] = ("",)) -> list[StoredProbe]:
    """Return what the probes of a run measured, in order; what cannot be read is left out.

    Args:
        folder: of the run.
        beginnings: prefixes of the names of the arrays to read.
    """
    # of a run that goes on, a file of all probes may be that of an end that did not count
    held = load_arrays(folder.flow, (STEPS, *beginnings)) if folder.is_finished else {}
    steps = held.pop(STEPS, np.zeros(0))
    rows = {name: values for name, values in held.items() if values.shape[:1] == steps.shape}
    if rows:
        return [
            StoredProbe(int(step), {name: values[row] for name, values in rows.items()})
            for row, step in enumerate(steps)
        ]
    return list(_from_files(folder.probe_files(), beginnings))


def load_first_and_last(folder: RunFolder, beginnings: tuple[str, ...]) -> list[StoredProbe]:
    """Return what `load_probes` does, of the first probe and of the last: there may be many."""
    files = [] if folder.is_finished else folder.probe_files()
    if not files:
        probes = load_probes(folder, beginnings)
        return [*probes[:1], *probes[1:][-1:]]
    first = next(_from_files(files, beginnings), None)
    last = next(_from_files(reversed(files), beginnings), None)
    ends = {one.step: one for one in (first, last) if one is not None}
    return list(ends.values())


def _from_files(files: Iterable[Path], beginnings: tuple[str, ...]) -> Iterator[StoredProbe]:
    for file in files:
        if arrays := load_arrays(file, beginnings):
            yield StoredProbe(int(file.stem), arrays)


def packed(probes: Iterable[StoredProbe]) -> bytes:
    """Return the file of all probes: each name once, stacked, and the steps they were taken at.

    A probe that lacks an array that others have has NaN there, and so has the end of an array that
    is shorter than those of other probes.
    """
    found = [probe for probe in probes if probe.arrays]
    shapes: dict[str, tuple[int, ...]] = {}
    for probe in found:
        for name, values in probe.arrays.items():
            known = shapes.get(name, values.shape)
            shapes[name] = tuple(map(max, known, values.shape))
    stacked = {name: np.full((len(found), *shape), np.nan) for name, shape in shapes.items()}
    for row, probe in enumerate(found):
        for name, values in probe.arrays.items():
            stacked[name][row][tuple(map(slice, values.shape))] = values
    content = io.BytesIO()
    named: dict[str, Any] = {name: stacked[name] for name in sorted(stacked)}
    np.savez_compressed(content, steps=np.array([probe.step for probe in found]), **named)
    return content.getvalue()


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


@lru_cache(maxsize=REMEMBERED)
def _computed(path: str, at: int | None) -> tuple[tuple[str, float | None], ...]:
    probes = load_probes(RunFolder(Path(path)), LAG_ARRAYS)
    until = [probe for probe in probes if at is None or probe.step <= at]
    try:
        found = scalars_of(until[-1].arrays if until else {})
    except (ValueError, IndexError):
        # a damaged array concerns only this run
        return ()
    return tuple((key, value if np.isfinite(value) else None) for key, value in found.items())
