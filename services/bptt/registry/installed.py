"""`follow`: a running process sees what is installed and uninstalled meanwhile.

Python reads path files (`*.pth`), by which editable installs are found, only when it starts.
"""

import importlib
import os
import re
import site
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PathFile:
    """A path file as read."""

    modified: int
    folders: tuple[str, ...]
    """What it adds to `sys.path`."""
    finders: tuple[str, ...]
    """Modules it imports that act as finders of an editable install."""


def follow() -> None:
    """Do what Python would do with path files that are new, changed or gone."""
    global _followed
    with _LOCK:
        before, now = _followed, dict(_path_files())
        if before == now:
            return
        _followed = now
        for path in before:
            if before[path] != now.get(path):
                _forget(before[path].finders)
        gone = _folders(before) - _folders(now)
        sys.path[:] = [entry for entry in sys.path if entry not in gone]
        importlib.invalidate_caches()
        for path in now:
            if before.get(path) != now[path]:
                site.addpackage(str(path.parent), path.name, None)


def _forget(finders: tuple[str, ...]) -> None:
    """Undo them: what they find is no longer found."""
    places: tuple[list[Any], ...] = (sys.meta_path, sys.path_hooks)
    for place in places:
        place[:] = [one for one in place if getattr(one, "__module__", "") not in finders]
    for finder in finders:
        sys.modules.pop(finder, None)


def _folders(files: Mapping[Path, PathFile]) -> set[str]:
    return {folder for file in files.values() for folder in file.folders}


def _path_files() -> Iterator[tuple[Path, PathFile]]:
    """Yield the path files that Python reads when it starts, in its order."""
    for folder in _site_folders():
        for path in sorted(Path(folder).glob("*.pth")):
            # one that vanishes while being read is noticed the next time
            with suppress(OSError, ValueError):
                yield path, _read(path)


def _read(path: Path) -> PathFile:
    modified = path.stat().st_mtime_ns
    folders, finders = [], []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if line.startswith(("import ", "import\t")):
            finders += [name for name in re.findall(r"\w+", line) if "editable" in name]
        elif line.strip() and not line.startswith("#"):
            folders.append(os.path.abspath(path.parent / line.rstrip()))
    return PathFile(modified, tuple(folders), tuple(finders))


def _site_folders() -> list[str]:
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return [folder for folder in folders if folder in sys.path]


_LOCK = threading.Lock()
_followed: Mapping[Path, PathFile] = dict(_path_files())
