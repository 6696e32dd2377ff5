"""`RecordedProbes`: the arrays of a run, from its probes to the one file of all of them."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from bptt.durable import replace
from bptt.measuring.stored import StoredProbe, load_arrays, packed
from bptt.run_folder import RunFolder

HELD = 2**24
"""Bytes of arrays that are held in memory, so that a short run writes them once."""


class RecordedProbes:
    """Holds what probes measured until a checkpoint needs it on the disk, or the run has ended.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._held: dict[int, StoredProbe] = {}
        self._size = 0
        self._unwritten: list[StoredProbe] = []
        self._written: list[Path] = []
        """Since the last checkpoint."""
        self.are_together = False
        """Whether one file has them all."""

    def add(self, step: int, arrays: Mapping[str, Tensor]) -> str:
        """Take what a probe measured; return how the journal names it."""
        probe = StoredProbe(step, {name: value.numpy().copy() for name, value in arrays.items()})
        self._unwritten.append(probe)
        self._held[step] = probe
        self._size += sum(values.nbytes for values in probe.arrays.values())
        if self._size > HELD:
            self._write()
            self._held.clear()
            self._size = 0
        return str(self._file(step).relative_to(self._folder.path))

    def write(self) -> list[Path]:
        """Write what a checkpoint needs and return the files, to be made durable."""
        self._write()
        written, self._written = self._written, []
        return written

    def write_all(self, records: Iterable[Mapping[str, Any]]) -> list[Path]:
        """Write those that a journal names into one file and return it, to be made durable.

        Nothing is written if there are none, or if one of them can no longer be read: then the
        files that can be stay, and the damaged one, for people to see.
        """
        steps = [record["step"] for record in records if "probe" in record]
        probes = [self._held.get(step) or self._load(step) for step in steps]
        if not probes or not all(probe.arrays for probe in probes):
            self._write()
            return self._written
        self._folder.flow.parent.mkdir(exist_ok=True)
        replace(self._folder.flow, packed(probes), durable=False)
        self.are_together = True
        return [self._folder.flow]

    def _write(self) -> None:
        for step, arrays in self._unwritten:
            self._folder.probes.mkdir(exist_ok=True)
            content = io.BytesIO()
            named: dict[str, Any] = dict(arrays)
            np.savez_compressed(content, **named)
            # useful only once a checkpoint follows it
            replace(self._file(step), content.getvalue(), durable=False)
            self._written.append(self._file(step))
        self._unwritten.clear()

    def _load(self, step: int) -> StoredProbe:
        return StoredProbe(step, load_arrays(self._file(step)))

    def _file(self, step: int) -> Path:
        return self._folder.probes / f"{step:08d}.npz"
