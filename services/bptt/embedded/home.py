"""The home held by one `bptt up`: the folder, room on its disk, and a lock with a pid."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from bptt.errors import HomeBusy, InvalidSetting, UserError
from bptt.file_lock import try_lock
from bptt.host import started
from bptt.settings import Settings
from bptt.worker.disk_space import free_bytes

LOCK = "up.lock"
LOGS = "log"
ROOM = 32 * 2**20
"""Bytes that must be free on the disk before anything is started."""
PROBES_END = 1.0
"""Seconds within which processes that only look at the lock have released it."""


@dataclass(frozen=True)
class HomeHolder:
    """The `bptt up` that holds a home."""

    pid: int
    started: float
    """Start time of the process, which distinguishes it from a later one with the same pid."""
    since: float
    """Seconds since the epoch."""
    ready: bool = False
    """Whether its worker takes runs."""


def prepare_home(settings: Settings) -> None:
    """Create the folder, accessible only to its owner.

    Raises:
        InvalidSetting: it cannot be created or written.
        UserError: its disk is full.
    """
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / LOGS).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InvalidSetting(
            f"Cannot make the folder {error.filename}: {error.strerror}. "
            "Set BPTT_HOME to a folder you can write to."
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise InvalidSetting(f"Cannot write in {home}. Set BPTT_HOME to a folder of yours.")
    if (free := free_bytes(home)) < ROOM:
        raise UserError(
            f"The disk of {home} is full: {free / 2**20:.1f} MiB are left, "
            f"{ROOM / 2**20:.0f} MiB are needed. Make room, or set BPTT_HOME to another disk."
        )


class HomeLock:
    """Held by a `bptt up` for its lifetime; the system releases it however the process ends.

    Raises:
        HomeBusy: another process holds it.
    """

    def __init__(self, home: Path) -> None:
        self._file = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if not take(self._file, PROBES_END):
            os.close(self._file)
            raise busy(home)
        pid = os.getpid()
        self._holder = HomeHolder(pid, started(pid) or 0.0, time.time())
        self._write(json.dumps(asdict(self._holder)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._write("")
        os.close(self._file)

    def set_ready(self) -> None:
        """Tell others that the worker takes runs."""
        self._write(json.dumps(asdict(self._holder) | {"ready": True}))

    def _write(self, text: str) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text.encode(), 0)


def holder(home: Path) -> HomeHolder | None:
    """Return the `bptt up` that holds this home now."""
    give_up = time.monotonic() + PROBES_END
    while True:
        try:
            file = os.open(home / LOCK, os.O_RDWR)
        except OSError:
            return None
        try:
            if take(file, 0):
                return None
            found = _read(file)
        finally:
            os.close(file)
        if found or time.monotonic() > give_up:
            return found
        # it has the lock but has not yet written who it is
        time.sleep(0.02)


def _read(file: int) -> HomeHolder | None:
    try:
        found = HomeHolder(**json.loads(os.pread(file, 4096, 0)))
    except (ValueError, TypeError):
        return None
    # the last holder's entry is there until the present one has written
    return found if started(found.pid) == found.started else None


def busy(home: Path) -> HomeBusy:
    """Return the error that says who holds this home."""
    found = holder(home)
    who = f" (process {found.pid})" if found else ""
    return HomeBusy(
        f"bptt is up already in {home}{who}. Stop it with: bptt down; or set BPTT_HOME to "
        "another folder."
    )


def take(file: int, seconds: float) -> bool:
    """Lock an open file for this process and those that inherit it; False if others hold it."""
    give_up = time.monotonic() + seconds
    while True:
        if try_lock(file):
            return True
        if time.monotonic() >= give_up:
            return False
        time.sleep(0.02)
