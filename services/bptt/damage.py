"""Which files of a run's folder can be damaged, how that is detected, and what to do.

A file is damaged if it is not what this program wrote: emptied, truncated, torn or replaced, by a
crash of the machine, a full disk or a mistake. Files not listed here are redrawn or resent from
those that are.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from bptt.errors import DocumentDamaged, JournalDamaged
from bptt.records.documents import REQUIRED, missing
from bptt.run_folder import RunFolder

CHECKPOINT = b"bptt-checkpoint-1 "
"""A checkpoint begins with this, then the hash of its content, a newline and the content."""
BLOCK = 1 << 20


@dataclass(frozen=True)
class Damage:
    """One damaged file."""

    path: Path
    what: str
    """What is wrong with it, and what to do."""

    def __str__(self) -> str:
        return f"{self.path} {self.what}"

    @property
    def name(self) -> str:
        return self.path.name


def find_damage(folder: RunFolder, succeeded: bool = False) -> list[Damage]:
    """Return what is damaged in a run's folder; reads all of it.

    Args:
        folder: of a run, or of one attempt at it.
        succeeded: the run is known to have its result.
    """
    ended = succeeded or folder.is_finished
    mend = folder.remedy(ended)
    found: list[Damage] = []
    documents: dict[str, dict[str, Any]] = {}
    for name in REQUIRED:
        path = folder.path / f"{name}.json"
        try:
            content = folder.read(name)
        except (DocumentDamaged, OSError) as error:
            found.append(Damage(path, f"is damaged: {_reason(error)}. {_of(name, ended, mend)}"))
            continue
        if content is not None:
            documents[name] = content
            if lacks := missing(name, content):
                what = f"is damaged: {lacks}. {_of(name, ended, mend)}"
                found.append(Damage(path, what))
        elif name == "run" or (name == "result" and succeeded):
            found.append(Damage(path, f"is missing. {mend}"))
    if wrong := _of_journal(folder, documents):
        found.append(Damage(folder.journal, f"is damaged: {wrong}. {mend}"))
    found += _of_probes(folder, mend)
    for path in (folder.checkpoint, folder.previous_checkpoint):
        if path.exists() and not _is_checkpoint(path):
            what = f"is damaged: its hash does not match. {_of('checkpoint', ended, mend)}"
            found.append(Damage(path, what))
    return found


def _of(name: str, ended: bool, mend: str) -> str:
    if ended and name in ("committed", "checkpoint"):
        return "The run has ended, and nobody needs this file any more: it may be removed"
    return mend


def _reason(error: Exception) -> str:
    if isinstance(error, DocumentDamaged):
        return error.reason
    return str(error.strerror) if isinstance(error, OSError) else str(error)


def _of_journal(folder: RunFolder, documents: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what is wrong with the journal; empty: nothing."""
    try:
        size = folder.journal.stat().st_size
        whole, number = 0, 0
        for offset, _ in folder.records():
            whole, number = offset, number + 1
    except JournalDamaged as damage:
        return damage.reason
    except FileNotFoundError:
        size, whole, number = 0, 0, 0
    except OSError as error:
        return _reason(error)
    result = documents.get("result")
    # during training its last line may be incomplete
    if result is None or missing("result", result):
        return ""
    due = documents.get("committed", {}).get("journal")
    if isinstance(due, int) and size < due:
        return f"it has {size:,} of {due:,} bytes at least"
    if whole < size:
        return f"its last line, at byte {whole:,}, is torn"
    if not number and result["step"] > 0 and result["outcome"] != "diverged":
        return "it holds no record"
    return ""


def _of_probes(folder: RunFolder, mend: str) -> Iterator[Damage]:
    if folder.probes.exists() and not folder.probes.is_dir():
        yield Damage(folder.probes, f"is damaged: it is no folder. {mend}")
        return
    files = folder.probe_files()
    torn = [file for file in files if not is_whole_archive(file)]
    if torn:
        more = f" ({len(torn):,} of {len(files):,} files like it are)" if len(torn) > 1 else ""
        yield Damage(torn[0], f"is damaged: it cannot be unpacked{more}. {mend}")
    # where they are still there, it is made of them again
    if folder.flow.exists() and not files and not is_whole_archive(folder.flow):
        yield Damage(folder.flow, f"is damaged: it cannot be unpacked. {mend}")


def is_whole_archive(file: Path) -> bool:
    """Say whether a statistics file can be unpacked."""
    try:
        with ZipFile(file) as archive:
            return archive.testzip() is None
    # zipfile does not have its own exception for every kind of garbage
    except (OSError, BadZipFile, zlib.error, EOFError, ValueError, RuntimeError):
        return False


def _is_checkpoint(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.readline(len(CHECKPOINT) + 65)
            found = hashlib.sha256()
            while block := file.read(BLOCK):
                found.update(block)
    except OSError:
        return False
    return header == CHECKPOINT + found.hexdigest().encode() + b"\n"


def size_of(folder: RunFolder) -> int:
    """Return roughly how many bytes `find_damage` reads."""
    files = [folder.journal, folder.checkpoint, folder.previous_checkpoint, folder.flow]
    files += folder.probe_files()
    total = 0
    for file in files:
        try:
            total += os.stat(file).st_size
        except OSError:
            continue
    return total
