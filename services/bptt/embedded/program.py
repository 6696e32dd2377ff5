"""`Program`: one program that is kept running; it ends with the process that started it."""

import ctypes  # the child must not import it between fork and exec  # noqa: F401
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bptt.backoff import Backoff
from bptt.host import die_with_parent, signal_group

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before a restart; they double."""
LOG_AT_MOST = 5 * 2**20
"""Bytes up to which a log is appended to; a longer one becomes `<name>.log.1`."""
TOLD = 10
"""How many of a log's last lines an error repeats."""


class Program:
    """Started by `start`; `tend`, called often, restarts it after growing waits.

    Args:
        name: for people.
        command: program and arguments.
        log: file for its output.
        environment: its environment.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name, self.command, self.log = name, list(command), log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._again_at = 0.0
        self._offset = 0
        self.ready = False
        """Set by the caller; reset to False at each start."""
        self.failures = 0
        """How often in a row it ended without having been ready."""
        self._backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)

    @property
    def pid(self) -> int | None:
        """The process, if it is running."""
        return self._process.pid if self._process else None

    def start(self, inherited: int | None = None) -> None:
        """Start it; `inherited` is a file that it keeps open, and so locked, for its lifetime."""
        if self.log.exists() and self.log.stat().st_size > LOG_AT_MOST:
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        parent = os.getpid()

        def prepare() -> None:
            die_with_parent(signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        with self.log.open("ab") as log:
            self._offset = log.tell()
            self._process = subprocess.Popen(
                self.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is only for us: we end the programs in order
                start_new_session=True,
                pass_fds=() if inherited is None else (inherited,),
                preexec_fn=prepare,
                umask=0o077,
            )
        self.ready, self._started = False, time.monotonic()

    def ended(self) -> str | None:
        """Return how it ended, once; None while it runs or if already reported."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self._process = None
        lasted = time.monotonic() - self._started
        self.failures = 0 if self.ready else self.failures + 1
        self._backoff.end(lasted)
        self.put_off()
        return f"exit code {code}" if code >= 0 else f"signal {-code}"

    def put_off(self) -> None:
        """Wait before the next start, longer with each end."""
        self._again_at = time.monotonic() + max(self._backoff.wait, FIRST_WAIT)

    def is_due(self) -> bool:
        """Whether it has ended and the following wait is over."""
        return self._process is None and time.monotonic() >= self._again_at

    def last_words(self) -> str:
        """Return the last lines of its output since it was started."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(max(self._offset, self.log.stat().st_size - 2**16))
            lines = log.read().decode(errors="replace").rstrip().splitlines()
            return "\n".join(lines[-TOLD:])
        return ""

    def request_end(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> bool:
        """Return whether it has ended within this time."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._process = None
        return True

    def kill(self) -> None:
        """Kill it and everything it has started."""
        if self._process is not None:
            signal_group(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
