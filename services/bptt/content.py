"""Files that runs read, named by the hash of their content.

A run names a file as `sha256:<64 digits>`, so editing, moving or removing a file after it was
submitted affects no run, and a run means the same on every machine that shares the home.
"""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

SHA256 = re.compile(r"[0-9a-f]{64}")
PREFIX = "sha256:"
PIECE = 2**20
"""Bytes read, hashed and written at once, however large the file."""
SEND_AGAIN = "Submit a grid with that file again, which sends it, then retry the run."
SHOWN = 8
"""Digits of a hash that are enough to tell contents apart for people."""


class UnusableFile(ValueError):
    """A path that is not a readable file; the message is `must be ..., got ...`."""


@dataclass(frozen=True)
class NamedContent:
    """A content, and its sender's name for it."""

    sha256: str
    size: int
    """Bytes."""
    name: str = ""
    """Of the file, without its folder."""
    path: str = field(default="", compare=False)
    """Its absolute path on the sender's machine, by which runs of earlier versions are
    identified."""

    @property
    def reference(self) -> str:
        """How a run's spec refers to it."""
        return f"{PREFIX}{self.sha256}"

    @property
    def short(self) -> str:
        """Name and hash, just long enough to distinguish it from an edited version."""
        return f"{self.name or 'file'}@{self.sha256[:SHOWN]}"


def digest_of(value: object) -> str | None:
    """Return the hash that a value of an option refers to, if it refers to a content."""
    if isinstance(value, str) and value.startswith(PREFIX):
        digest = value.removeprefix(PREFIX)
        return digest if SHA256.fullmatch(digest) else None
    return None


def digests_in(spec: Mapping[str, Any]) -> set[str]:
    """Return the hashes of all contents that the plugins' options of a spec refer to."""
    sections = (content for content in spec.values() if isinstance(content, Mapping))
    options = (section.get("options") or {} for section in sections)
    return {digest for of in options for v in of.values() if (digest := digest_of(v))}


def with_file_names(spec: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a spec for people: with the name of each file beside the hash of its content.

    Args:
        spec: as `run.json` holds it.
        names: of files, by hash; a content without one is identified by its hash alone.
    """

    def of(value: Any) -> Any:
        digest = digest_of(value)
        return value if digest is None else f"{names.get(digest) or 'file'} ({value})"

    def section(content: Any) -> Any:
        if not isinstance(content, Mapping) or "options" not in content:
            return content
        return {**content, "options": {k: of(v) for k, v in content["options"].items()}}

    return {name: section(content) for name, content in spec.items()}


def plain_name(path: str) -> str:
    """Return the name of a file without its folder, fit for a line of text."""
    name = "".join(c if c.isprintable() else "?" for c in Path(path).name)
    return name if len(name) <= 80 else f"{name[:40]}...{name[-37:]}"


def open_file(text: str) -> BinaryIO:
    """Open a regular local file for reading; never blocks on or reads anything else.

    Args:
        text: its path, from the working folder or `~`.

    Raises:
        UnusableFile: there is none, or it is a folder, a pipe or a device, or cannot be read.
    """
    try:
        path = Path(text).expanduser().absolute()
        # opening a pipe without a writer would block
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnusableFile(f"must be the path of a file, found none at {str(path)!r}.") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnusableFile(f"must be the path of a file, got {text!r}: {reason}.") from None
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        what = "the folder" if stat.S_ISDIR(mode) else "what is no regular file,"
        raise UnusableFile(f"must be the path of a file, got {what} {text!r}.")
    return os.fdopen(handle, "rb")


def measure(text: str, most: int | None = None) -> NamedContent:
    """Return hash, size and name of a file, read piece by piece.

    Args:
        text: its path.
        most: bytes it may have; a larger one is not read.

    Raises:
        UnusableFile: it cannot be read, is too large, or changed meanwhile.
    """
    with open_file(text) as file:
        before = os.fstat(file.fileno())
        if most is not None and before.st_size > most:
            raise UnusableFile(too_large(text, before.st_size, most))
        digest = hashlib.sha256()
        try:
            while piece := file.read(PIECE):
                digest.update(piece)
        except OSError as error:
            raise UnusableFile(f"{text!r} cannot be read: {error.strerror or error}.") from None
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UnusableFile(changed(text))
    path = str(Path(text).expanduser().absolute())
    return NamedContent(digest.hexdigest(), before.st_size, plain_name(text), path)


def too_large(text: str, size: int, most: int) -> str:
    """Say that a file has more bytes than are taken."""
    return (
        f"must be a file of at most {most:,} bytes, got {text!r} with {size:,}. Give a part of it, "
        "or raise BPTT_DATA_FILE_MB where the grid is submitted to."
    )


def changed(text: str) -> str:
    """Say that a file was written to while it was read."""
    return (
        f"must be a file that nobody writes to, got {text!r}, which changed while it was read. "
        "Try again when it is complete."
    )
