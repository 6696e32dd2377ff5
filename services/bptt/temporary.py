"""Folders for temporary files, one per process; after a kill the next start removes them."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.util import Finalize
from pathlib import Path

from bptt.file_lock import try_lock

OUTSIDE = "_BPTT_OUTSIDE_TMPDIR"
"""Variable that tells child programs where temporary files used to be."""
LOCK = "lock"
AFTER_MULTIPROCESSING = -200
"""Multiprocessing's finalizer for its folder has priority -100; the lowest comes last."""
PATH_AT_MOST = 68
"""Bytes of a folder's path: a multiprocessing socket takes 32 more, and 103 are allowed."""


def outside() -> Path:
    """Return the system's folder for temporary files, also while `own_folder` replaces it."""
    return Path(os.environ.get(OUTSIDE) or tempfile.gettempdir())


@contextmanager
def own_folder(home: Path) -> Iterator[None]:
    """Make this process and all it starts keep temporary files in a folder that ends with it.

    It is in `home` or, if that path is too long for a socket, in a folder for this home among
    the system's temporary files. Whatever earlier processes left there is removed. If none can be
    created, for example because a disk is full, everything stays as it was.
    """
    made = None
    with suppress(OSError):
        made = _make(_base(home))
    if made is None:
        yield
        return
    path, lock = made
    before = {name: os.environ.get(name) for name in ("TMPDIR", OUTSIDE)}
    directory = tempfile.tempdir
    os.environ[OUTSIDE] = str(outside())
    os.environ["TMPDIR"] = tempfile.tempdir = str(path)
    try:
        yield
    finally:
        tempfile.tempdir = directory
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if any(path.glob("pymp-*")):
            # multiprocessing removes it when the process ends, and complains if it is not there
            Finalize(None, _remove, (path, lock), exitpriority=AFTER_MULTIPROCESSING)
        else:
            _remove(path, lock)


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


def sweep(home: Path) -> None:
    """Remove what dead processes have left; live ones keep theirs."""
    with suppress(OSError):
        base = _base(home)
        if base.exists():
            with _alone(base):
                _sweep(base)


def _base(home: Path) -> Path:
    inside = home / "tmp"
    if _fits(inside):
        return inside
    name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    folder = f"bptt-{os.getuid()}-{name}"
    path = outside() / folder / "tmp"
    return path if _fits(path) else Path("/tmp") / folder / "tmp"


def _fits(base: Path) -> bool:
    """Say whether sockets can be in a folder of 8 letters below this one."""
    return len(os.fsencode(base)) + 9 <= PATH_AT_MOST


def _make(base: Path) -> tuple[Path, int]:
    """Return a new folder and the file that stays locked while its owner lives."""
    base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    base.mkdir(mode=0o700, exist_ok=True)
    if base.lstat().st_uid != os.geteuid():
        raise PermissionError(f"{base} is somebody else's")
    with _alone(base):
        _sweep(base)
        path = Path(tempfile.mkdtemp(prefix="", dir=base))
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return path, lock


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    """Keep others from creating or removing folders meanwhile: a new one is locked only later."""
    file = os.open(base / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _sweep(base: Path) -> None:
    for path in base.iterdir():
        if not path.is_dir() or path.is_symlink():
            continue
        file = None
        with suppress(OSError):
            file = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            if try_lock(file):
                shutil.rmtree(path, ignore_errors=True)
        if file is not None:
            os.close(file)
