"""The library of a home: contents of files, each stored once under its hash.

`BPTT_HOME/data/<first two digits>/<SHA-256>` holds the bytes of one content, complete and
immutable. What is being received is in `data/.incoming` until its hash is known.
"""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bptt.content import (
    PIECE,
    PREFIX,
    SEND_AGAIN,
    SHA256,
    NamedContent,
    UnusableFile,
    changed,
    open_file,
)
from bptt.durable import make_durable
from bptt.errors import DataChanged

ABANDONED = 3600.0
"""Seconds after which an unfinished upload is considered dead."""


class Library:
    """The folder of all contents of a home.

    Args:
        folder: created when the first content is stored.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Return where a content is, or would be.

        Raises:
            ValueError: this is not a hash, and might lead elsewhere.
        """
        if not SHA256.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a SHA-256")
        return self.folder / digest[:2] / digest

    def find(self, digest: str, size: int | None = None) -> Path | None:
        """Return where a content is, if it is here and has the right size."""
        path = self.path(digest)
        try:
            there = path.stat()
        except FileNotFoundError:
            return None
        return path if size is None or there.st_size == size else None

    @contextlib.contextmanager
    def incoming(self) -> Iterator["Incoming"]:
        """Yield a place for an upload; it is removed afterwards, unless it was kept."""
        waiting = self.folder / ".incoming"
        waiting.mkdir(mode=0o755, parents=True, exist_ok=True)
        _remove_abandoned(waiting)
        handle, name = tempfile.mkstemp(dir=waiting)
        with os.fdopen(handle, "wb") as file:
            incoming = Incoming(file, Path(name))
            try:
                yield incoming
            finally:
                incoming.path.unlink(missing_ok=True)

    def keep(self, incoming: "Incoming") -> Path:
        """Store an upload on disk under its hash, complete, whatever happens meanwhile."""
        path = self.path(incoming.digest)
        path.parent.mkdir(mode=0o755, exist_ok=True)
        # readable by every worker, changeable by nobody
        os.fchmod(incoming.file.fileno(), 0o444)
        incoming.sync()
        os.replace(incoming.path, path)
        # its name, and that of the folder it may be the first in
        make_durable([path, path.parent])
        return path

    def take(self, text: str, expected: NamedContent) -> None:
        """Store a local file under its hash, computed earlier.

        Raises:
            UnusableFile: it can no longer be read, or its content has changed.
        """
        if (there := self.find(expected.sha256, expected.size)) is not None:
            touch(there)
            return
        with open_file(text) as file, self.incoming() as incoming:
            while piece := file.read(PIECE):
                incoming.write(piece)
            if incoming.digest != expected.sha256:
                raise UnusableFile(changed(text))
            self.keep(incoming)

    def older_than(self, seconds: float) -> list[str]:
        """Return the hashes of contents that nobody has sent or submitted for this long."""
        latest = time.time() - seconds
        found = []
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            with contextlib.suppress(FileNotFoundError):
                if SHA256.fullmatch(path.name) and path.stat().st_mtime < latest:
                    found.append(path.name)
        return found

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of each stored content, by hash."""
        found = {}
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            with contextlib.suppress(FileNotFoundError):
                if SHA256.fullmatch(path.name):
                    found[path.name] = path.stat().st_size
        return found

    def remove(self, digest: str) -> None:
        """Remove a content, if it is here."""
        self.path(digest).unlink(missing_ok=True)


class Incoming:
    """A content being uploaded."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file, self.path = file, path
        self.size = 0
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The hash of what has arrived so far."""
        return self._digest.hexdigest()

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        # all of it, or an error: unlike `os.write`
        self.file.write(piece)
        self._digest.update(piece)
        self.size += len(piece)

    def sync(self) -> None:
        """Flush it to disk."""
        self.file.flush()
        os.fsync(self.file.fileno())


def touch(path: Path) -> None:
    """Mark a content as wanted, so that it is not removed before somebody submits."""
    # on shared storage it may belong to another account
    with contextlib.suppress(OSError):
        os.utime(path)


def is_whole(path: Path, digest: str) -> bool:
    """Say whether a file can be read and holds the content of this hash."""
    try:
        return _holds(path, digest)
    except OSError:
        return False


def _holds(path: Path, digest: str) -> bool:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest() == digest


def check(path: Path, digest: str, name: str) -> None:
    """Return if a file has the content of this hash; otherwise remove it.

    Raises:
        DataChanged: it is gone, cannot be read, or is damaged.
    """
    try:
        whole = _holds(path, digest)
    except OSError as error:
        raise DataChanged(
            f"The content of {name or 'a file'} ({PREFIX}{digest}) cannot be read: "
            f"{error.strerror or error}. {SEND_AGAIN}"
        ) from error
    if not whole:
        # useless; once it is gone, anyone who names it is asked to send it again
        with contextlib.suppress(OSError):
            path.unlink()
        raise DataChanged(
            f"The content of {name or 'a file'} ({PREFIX}{digest}) was damaged where it was kept. "
            f"{SEND_AGAIN}"
        )


def _remove_abandoned(waiting: Path) -> None:
    for path in waiting.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - ABANDONED:
                path.unlink()
