"""A home, the commands given in it, and the processes that belong to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import is_alive, put_mlflow_database, until, warm
from tests.servers.process import die_with_parent

READY = "bptt is up"
WITHIN = 180.0
"""Seconds for anything to start or end, on a machine with other work."""


class Home:
    """One BPTT_HOME; `variables` are set for every command."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        own = {name: value for name, value in os.environ.items() if not name.startswith("BPTT_")}
        self.environment = {
            **own,
            "BPTT_HOME": str(folder),
            "BPTT_SLOTS": "1",
            "OMP_NUM_THREADS": "1",
            # away: a worker that finds MLflow imports it, and makes its database
            "BPTT_MLFLOW_URL": "http://127.0.0.1:1",
            **variables,
        }

    def put_mlflow(self) -> None:
        """Have MLflow in the home, with an empty database."""
        put_mlflow_database(self.folder)
        del self.environment["BPTT_MLFLOW_URL"]

    def bptt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Give a command and wait for its end."""
        return warm.run(*arguments, env=self.environment, timeout=WITHIN + 60)

    @contextmanager
    def up(self) -> Iterator["Up"]:
        """Yield a `bptt up` in the foreground; at the end it is killed if it still runs."""
        with (self.folder.parent / f"{self.folder.name}.said").open("w+b") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "bptt", "up"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                preexec_fn=die_with_parent,
            )
            try:
                yield Up(process, Path(said.name))
            finally:
                process.kill()
                process.wait()
                assert until(lambda: not self.processes(), WITHIN)

    def processes(self) -> dict[int, str]:
        """Return every living process that was started for this home, with its command."""
        mine = f"BPTT_HOME={self.folder}".encode()
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if mine in (place / "environ").read_bytes().split(b"\0"):
                    command = (place / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(place.name)] = command.decode(errors="replace").strip()
            except OSError:
                continue
        if server := self.server_pid():
            found[server] = "the Redis server"
        return {pid: command for pid, command in found.items() if is_alive(pid)}

    def server_pid(self) -> int | None:
        """Return the Redis server, which overwrites its environment with its title."""
        try:
            pid = int((self.folder / "redis.lock").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if b"-server" in command and is_alive(pid) else None

    def pid_of(self, part: str) -> int:
        """Return the one process whose command contains `part`.

        One that it has just forked has the same command until it begins its own.
        """
        found = {pid for pid, command in self.processes().items() if part in command}
        pids = [pid for pid in found if parent_of(pid) not in found]
        assert len(pids) == 1, self.processes()
        return pids[0]


def parent_of(pid: int) -> int | None:
    """Return the process that started another; None if that one has ended."""
    try:
        # what stands before the last bracket is a name that may hold anything
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None


class Up:
    """A `bptt up` in the foreground."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        """Return all it has said."""
        return self._log.read_text()

    def wait_ready(self) -> None:
        """Return when its worker takes runs."""
        assert until(lambda: READY in self.said() or self.process.poll() is not None, WITHIN)
        assert self.process.poll() is None, self.said()

    def wait_said(self, text: str) -> None:
        """Return when it has said this."""
        assert until(lambda: text in self.said(), WITHIN), self.said()

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(WITHIN)

    def wait(self) -> int:
        """Return the exit code of one that ends by itself."""
        return self.process.wait(WITHIN)
