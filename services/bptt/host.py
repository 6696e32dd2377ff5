"""This machine and the processes on it, identified by more than their numbers."""

import functools
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


def hostname() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


@functools.cache
def boot_id() -> str:
    """Return an id that changes with each boot, and in each container with its own processes."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return _ask("sysctl", "-n", "kern.boottime")


@functools.cache
def processor() -> str:
    """Return the kind of this machine's processor: `x86_64 Intel(R) Xeon(R) ...`."""
    model = ""
    with suppress(OSError):
        for line in (_PROC / "cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Hardware", "cpu model"):
                model = value.strip()
                break
    if not model and sys.platform == "darwin":
        model = _ask("sysctl", "-n", "machdep.cpu.brand_string")
    return " ".join([platform.machine(), model]).strip()


def physical_memory() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def started(pid: int) -> float | None:
    """Return when a process started, on the system's own clock; None if no such process is alive.

    A zombie does not count as alive.
    """
    if not _PROC.joinpath("self/stat").exists():
        text = _ask("ps", "-o", "lstart=", "-p", str(pid))
        return time.mktime(time.strptime(text)) if text else None
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # the name, in brackets, may hold anything
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else float(fields[19])


def asleep() -> float:
    """Return how long the machine has slept since it booted, as far as it can tell."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


def steady() -> float:
    """Return seconds on a clock that cannot be set and that continues while the machine sleeps."""
    return time.monotonic() + asleep()


def die_with_parent(number: signal.Signals) -> None:
    """Have the system send this process a signal when the one that started it has ended.

    Only Linux can; elsewhere this does nothing, and closed pipes must do.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(1, int(number))  # 1: PR_SET_PDEATHSIG


def running_forkserver() -> tuple[int, float | None]:
    """Return the process that multiprocessing forks others from, and its start time."""
    server: Any = forkserver._forkserver
    pid = server._forkserver_pid or 0
    return pid, started(pid)


def die_with_forkserver() -> None:
    """Make this process end with the one whose forkserver forked it, even if it is frozen.

    For a process of multiprocessing's forkserver, which ends with the process that started it.
    """
    server: Any = forkserver._forkserver
    # every process that holds this keeps the forkserver alive
    if (alive := server._forkserver_alive_fd) is not None:
        os.close(alive)
        server._forkserver_alive_fd = None
    die_with_parent(signal.SIGKILL)


def yield_processor(nice: int) -> None:
    """Let other processes go first; for a process that leads a session of its own.

    If the system divides processors among sessions (autogroup), `nice` matters only between
    processes of one session, and a session has its own value.
    """
    os.nice(nice)
    with suppress(OSError):
        _PROC.joinpath("self/autogroup").write_text(str(nice))


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a process and those it started; does nothing if they are gone."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        # it has not yet become the leader of its own group
        try:
            os.kill(leader, number)
        except ProcessLookupError:
            return


def _ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
