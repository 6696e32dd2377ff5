"""Files that are written completely or not at all, whatever a disk, a signal or a crash does."""

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The system's errors when a disk, or a user's quota, is full."""


def is_full(error: BaseException | None) -> bool:
    """Say whether an error means that a disk, or what one user may have of it, is full."""
    return isinstance(error, OSError) and error.errno in FULL


def is_unwritable(error: BaseException) -> bool:
    """Say whether a disk is full or closed to writing, directly or as the cause of an error."""
    return any(
        is_full(cause) or (isinstance(cause, OSError) and cause.errno == errno.EROFS)
        for cause in (error, error.__cause__, error.__context__)
    )


def write_all(handle: int, content: bytes) -> None:
    """Write all bytes to a file descriptor.

    `os.write` may write a part and report success: on a nearly full disk, at a file size limit, or
    on a signal. This writes the rest, or raises the reason why it cannot.

    Raises:
        OSError: the disk is full, or any other reason; a part may have been written.
    """
    rest = memoryview(content)
    while rest:
        written = os.write(handle, rest)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]


def replace(path: Path, content: bytes, durable: bool = True) -> None:
    """Write a file so that a crash at any moment leaves the complete old or new content.

    Args:
        path: of the file.
        content: all that will be in it.
        durable: have it on disk before this returns; otherwise `make_durable` must follow, and
            until then the file survives only a crash of the process, not of the machine.

    Raises:
        OSError: it cannot be written; the old content is still there, and nothing else.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            write_all(handle, content)
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync(path.parent)


def link(source: Path, target: Path) -> None:
    """Give a file a second name, which another file may have had; a copy where there are no links.

    For a file that is never written to in place, only replaced: a copy that takes no room.

    Raises:
        OSError: it cannot be written; what had the name still has it.
    """
    if target.exists() and target.samefile(source):
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(source, temporary)
        except OSError:
            # not every file system has hard links
            shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def link_tree(folder: Path, place: Path) -> None:
    """Give every file of a folder a second name at another place; see `link`."""
    for source in sorted(path for path in folder.rglob("*") if path.is_file()):
        target = place / source.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        link(source, target)


def sweep(folder: Path) -> None:
    """Remove what processes that died while replacing a file have left in a folder."""
    for path in folder.rglob(".*"):
        if path.is_file():
            path.unlink(missing_ok=True)


def make_durable(paths: Sequence[Path]) -> None:
    """Make files durable that were replaced without; cheaper together than one by one."""
    # one that has two names is one file
    for path in {path.stat().st_ino: path for path in paths}.values():
        _sync(path)
    for folder in {path.parent for path in paths}:
        _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
