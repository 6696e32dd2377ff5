"""`bptt up -d` and `bptt down`: the stack without a terminal."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bptt.embedded.home import LOGS, HomeHolder, busy, holder, prepare_home
from bptt.errors import BpttError
from bptt.settings import Settings, for_child

READY_WITHIN = 180.0
"""Seconds; a worker imports torch first, on a machine that may be busy."""
DOWN_WITHIN = 30.0
SAY_AFTER = 1.0
LOOK_EVERY = 0.05
TOLD = 12
"""How many of the log's last lines an error repeats."""


def start_in_background(settings: Settings, stop: threading.Event) -> HomeHolder:
    """Start `bptt up` in a session of its own and return when its worker takes runs.

    Args:
        settings: of the home.
        stop: if set while this waits, what it started is taken down again.

    Raises:
        KeyboardInterrupt: `stop` was set.
        HomeBusy: it is already up.
        BpttError: it did not come up; includes its last output and exit code.
    """
    prepare_home(settings)
    if holder(settings.home):
        raise busy(settings.home)
    log = settings.home / LOGS / "up.log"
    with log.open("ab") as said:
        offset = said.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "bptt", "up"],
            env=for_child(settings),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            umask=0o077,
        )
    give_up = time.monotonic() + READY_WITHIN
    while process.poll() is None:
        if stop.is_set():
            process.terminate()
            process.wait()
            raise KeyboardInterrupt
        found = holder(settings.home)
        if found and found.pid == process.pid and found.ready:
            # it outlives us: nobody will ask for its exit code here
            process.returncode = 0
            return found
        if time.monotonic() > give_up:
            process.terminate()
            process.wait()
            raise BpttError(_why(log, offset, f"was not ready within {READY_WITHIN:g} s"))
        time.sleep(LOOK_EVERY)
    if holder(settings.home):
        # another one was starting at the same moment and took the home first
        raise busy(settings.home)
    error = BpttError(_why(log, offset, "did not come up"))
    error.exit_code = process.returncode if process.returncode > 0 else 1
    raise error


def wait_ready(settings: Settings) -> HomeHolder | None:
    """Return the `bptt up` that holds this home once its worker takes runs; None if there is none.

    One that does not get ready within `READY_WITHIN` is returned anyway.
    """
    give_up = time.monotonic() + READY_WITHIN
    while (found := holder(settings.home)) is not None:
        if found.ready or time.monotonic() > give_up:
            break
        time.sleep(LOOK_EVERY)
    return found


def stop(settings: Settings, tell: Callable[[str], None]) -> HomeHolder | None:
    """End the `bptt up` that holds this home; return it, or None if there is none.

    Raises:
        BpttError: it is still running after half a minute.
    """
    found = holder(settings.home)
    if found is None:
        return None
    os.kill(found.pid, signal.SIGTERM)
    begun, said = time.monotonic(), False
    while (now := holder(settings.home)) is not None and now.pid == found.pid:
        lasted = time.monotonic() - begun
        if lasted > DOWN_WITHIN:
            raise BpttError(
                f"bptt up (process {found.pid}) is still stopping after {DOWN_WITHIN:g} s. "
                f"Give it time, or end it with: kill -9 {found.pid}; "
                "runs continue from their last checkpoints."
            )
        if lasted > SAY_AFTER and not said:
            said = True
            tell(f"Waiting for process {found.pid} to save its runs and stop ...")
        time.sleep(LOOK_EVERY)
    return found


def _why(log: Path, offset: int, what: str) -> str:
    with log.open("rb") as said:
        said.seek(offset)
        lines = said.read().decode(errors="replace").rstrip().splitlines()
    output = "\n".join(lines[-TOLD:]) or "(nothing)"
    return f"bptt up {what}. It said last:\n{output}\nThe whole log: {log}"
