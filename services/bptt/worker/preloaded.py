"""`Preloaded`: whether what this worker has imported is still what is installed.

A run's process has them from the process that it is forked from (`template`), and imports
everything else from disk. After an upgrade it would be half one version and half another, under the
name of the new one.
"""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

WATCHED = ("bptt", "torch", "numpy")
"""Distributions that determine what a run computes, other than plugins."""


class Preloaded:
    """Installed distributions, as they were when this was made.

    Args:
        names: of these.
    """

    def __init__(self, names: Sequence[str] = WATCHED) -> None:
        self._files = {name: path for name in names if (path := _metadata_of(name))}
        self._before = {name: _stamp(path) for name, path in self._files.items()}
        self._last: dict[str, tuple[int, ...]] = {}

    def changed(self) -> list[str]:
        """Return those that were upgraded, reinstalled or removed since."""
        return [name for name, path in self._files.items() if _stamp(path) != self._before[name]]

    def has_settled(self) -> bool:
        """Say whether the changed ones are present, and unchanged since the last call."""
        found = {}
        for name in self.changed():
            path = _metadata_of(name)
            found[name] = _stamp(path) if path else ()
        before, self._last = self._last, found
        return bool(found) and found == before and all(found.values())


def _metadata_of(name: str) -> Path | None:
    """Return the file that every install of a distribution writes, if there is such a file."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(found.locate_file(f"{name}-{found.version}.dist-info/METADATA")))
    return path if path.is_file() else None


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what distinguishes a file from a new one of its name; None if there is none."""
    try:
        there = path.stat()
    except OSError:
        return ()
    return there.st_ino, there.st_size, there.st_mtime_ns
