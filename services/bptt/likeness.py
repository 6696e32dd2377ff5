"""`likeness`: whether two processes are the same program in the same surroundings.

A command leaves its work to the application that `bptt up` keeps running only if it would have done
the same itself: with the same code, plugins and settings, on the same database.
"""

import hashlib
import os
import site
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import bptt
from bptt.settings import Settings

OWN = frozenset({"server", "token", "token_file", "api_tokens", "access_log", "slots", "gpus"})
"""Settings that change nothing in what the application of a machine answers."""


def likeness(settings: Settings) -> str:
    """Return a hash of what determines the application's answers, as it is on disk now.

    That is Python, what is installed for it, this program's own code, the settings, and which file
    the database is. Plugins are not included: whatever imports them is a new process each time.
    """
    database = settings.database
    content = (
        (sys.prefix, sys.version, sys.flags.no_user_site, os.getuid()),
        os.environ.get("PYTHONPATH"),
        [(place, _stamp(Path(place))) for place in _places()],
        sorted(_code(Path(bptt.__file__).parent)),
        [(f.name, str(getattr(settings, f.name))) for f in fields(Settings) if f.name not in OWN],
        (str(settings.kernels), settings.compilers),
        sorted(item for item in os.environ.items() if item[0].startswith("MLFLOW_")),
        _identity(database) if isinstance(database, Path) else None,
    )
    return hashlib.sha256(repr(content).encode(errors="surrogateescape")).hexdigest()


def _places() -> Iterator[str]:
    """Yield the folders that an installation of anything writes to."""
    yield from filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    yield from site.getsitepackages()
    yield site.getusersitepackages()


def _code(folder: Path) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.endswith(".py"):
                yield entry.path, entry.stat().st_mtime_ns
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _code(Path(entry.path))


def _stamp(place: Path) -> int | None:
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return None


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        there = file.stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino
