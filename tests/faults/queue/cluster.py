"""A whole deployment that may be broken at will: servers, workers, and the command line."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

import psycopg

from tests.faults.queue import witness
from tests.faults.queue.checker import Event
from tests.faults.queue.small_disk import SmallDisk
from tests.servers import MlflowServer, put_mlflow_database, start_postgres, start_redis, warm

DatabaseKind = Literal["sqlite", "postgresql"]
PATIENCE = 300.0
"""Seconds for what takes a few: other tests may have the processors."""


class Cluster:
    """Workers on one database and one Redis; what dies is started again by `keep`.

    Args:
        folder: short, because sockets lie in it.
        database: kind of the database.
        workers: processes.
        slots: of each.
        lease: seconds.
        pause: seconds every update takes longer, so that faults fall into training.
        tcp: Redis and PostgreSQL on ports with passwords, as for a team, not on sockets.
        mlflow: over HTTP, from a server that can be killed; or straight into the home; or away,
            so that no worker has to import it.
        small_disk: the home lies on a disk of its own, which can be filled; only root can do it.
        up: one of the workers, and the Redis of them all, belong to a `bptt up` in the home.
    """

    def __init__(
        self,
        folder: Path,
        database: DatabaseKind,
        *,
        workers: int = 3,
        slots: int = 2,
        lease: float = 6.0,
        pause: float = 0.03,
        tcp: bool = False,
        mlflow: Literal["server", "home", "away"] = "away",
        small_disk: bool = False,
        up: bool = False,
    ) -> None:
        self.folder, self.kind = folder, database
        self.slots = workers * slots
        """Of all workers."""
        self.home, self.log = folder / "home", folder / "witness"
        self.disk = SmallDisk(self.home) if small_disk else None
        witness.install(folder / "site", self.log, pause)
        self.redis = None if up else start_redis(folder / "redis", tcp=tcp)
        self.postgres = start_postgres(folder / "pg", tcp=tcp) if database == "postgresql" else None
        self.url = self.postgres.new_database() if self.postgres else ""
        self.mlflow = MlflowServer(folder / "mlflow") if mlflow == "server" else None
        urls = {"home": "", "away": "http://127.0.0.1:1"}
        self.lease = lease
        self.environment = {
            **{name: value for name, value in os.environ.items() if name[:5] != "BPTT_"},
            "PYTHONPATH": os.pathsep.join(
                [str(folder / "site"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
            ).rstrip(os.pathsep),
            "OMP_NUM_THREADS": "1",
            "BPTT_HOME": str(self.home),
            "BPTT_DATABASE_URL": self.url,
            "BPTT_REDIS_URL": self.redis.url if self.redis else "",
            "BPTT_MLFLOW_URL": self.mlflow.url if self.mlflow else urls[mlflow],
            "BPTT_SLOTS": str(slots),
            "BPTT_LEASE_SECONDS": str(lease),
            "BPTT_CHECKPOINT_SECONDS": "0.3",
        }
        if up or small_disk:
            # kernels are damaged too, and lie on the disk that is filled
            self.environment["BPTT_KERNEL_CACHE"] = str(self.home / "kernels")
        if mlflow == "home":
            # whoever makes it is killed too often to be done before the storm is over
            put_mlflow_database(self.home)
        self.run("database", "upgrade")
        self.has_up = up
        self.workers: list[subprocess.Popen[bytes] | None] = [None] * workers
        """The first is the `bptt up`, if there is one."""
        self.starts = 0
        self.keep()

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; unless it is allowed to fail, try again while it says 75."""
        deadline = time.monotonic() + PATIENCE
        while True:
            done = warm.run(*arguments, env=self.environment, cwd=self.folder, timeout=PATIENCE)
            if done.returncode != 75 or not check or time.monotonic() > deadline:
                break
            self.keep()
            time.sleep(0.2)
        if check and done.returncode != 0:
            raise AssertionError(f"bptt {arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command and leave it running."""
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bptt", *arguments],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def keep(self) -> None:
        """Start again whatever is down, as systemd or compose would."""
        for server in (self.redis, self.postgres):
            if server and (server.process is None or server.process.poll() is not None):
                server.start()
        # it takes seconds to start, and nobody waits for it
        if self.mlflow and (self.mlflow.process is None or self.mlflow.process.poll() is not None):
            with self.mlflow.log.open("ab") as log:
                self.mlflow.process = self.mlflow.launch(log)
        for place, worker in enumerate(self.workers):
            if worker is None or worker.poll() is not None:
                is_up = self.has_up and place == 0
                if is_up and worker and worker.returncode > 0 and self._is_full():
                    # it refuses to start, and whoever starts it makes room first
                    continue
                self.workers[place] = self.start("up" if is_up else "worker")
                self.starts += 1

    def _is_full(self) -> bool:
        return self.disk is not None and self.disk.is_full()

    def ups(self) -> list[int]:
        """Return the process id of the `bptt up` that runs."""
        first = self.workers[0] if self.has_up else None
        return [first.pid] if first and first.poll() is None else []

    def alive(self) -> list[int]:
        """Return the process ids of the workers that run, also of a `bptt up` that was killed."""
        home = f"BPTT_HOME={self.home}"
        return [
            pid
            for pid in _parents()
            if "bptt\0worker\0" in _read(f"/proc/{pid}/cmdline")
            and home in _read(f"/proc/{pid}/environ").split("\0")
        ]

    def training(self) -> list[int]:
        """Return the process ids of what workers' children started: the runs."""
        parents = _parents()
        workers = set(self.alive())
        children = {pid for pid, parent in parents.items() if parent in workers}
        return [pid for pid, parent in parents.items() if parent in children]

    def processes(self, word: str) -> list[int]:
        """Return the process ids of workers' children whose command line holds a word."""
        parents, workers = _parents(), set(self.alive())
        return [
            pid
            for pid, parent in parents.items()
            if parent in workers and word in _read(f"/proc/{pid}/cmdline")
        ]

    def trainer_of(self, folder: Path) -> int | None:
        """Return the process that trains an attempt; None: it has not begun or is gone."""
        for pid in self.training():
            with suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/1") == str(folder / "log.txt"):
                    return pid
        return None

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return rows read past all code of the program."""
        if self.kind == "sqlite":
            file = f"file:{self.home / 'bptt.db'}?mode=ro"
            with closing(sqlite3.connect(file, uri=True, timeout=30)) as connection:
                return list(connection.execute(statement))
        while True:
            # it may have been killed a moment ago
            self.keep()
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(self.url.replace("+psycopg", "")) as connection,
            ):
                return list(connection.execute(statement))

    def events(self) -> list[Event]:
        """Return the whole history."""
        rows = self.query("SELECT at, run_id, attempt, kind FROM events ORDER BY id")
        return [Event(*row) for row in rows]

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Poll until something holds, and keep everything up meanwhile."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:.0f} s: {what}\n{self.tail()}")
            self.keep()
            time.sleep(0.3)

    def unfinished(self) -> int:
        """Return how many runs have not ended."""
        live = "('held', 'queued', 'running')"
        return int(self.query(f"SELECT count(*) FROM runs WHERE status IN {live}")[0][0])

    def tail(self) -> str:
        """Return the end of what the workers said."""
        log = self.folder / "worker.log"
        return log.read_text(errors="replace")[-4000:] if log.exists() else ""

    def stop(self) -> None:
        """Kill everything and remove the folder."""
        # a `bptt up` first: it would start its worker again
        started = [worker for worker in self.workers if worker]
        for pid in (*(worker.pid for worker in started), *self.alive()):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGCONT)
                os.killpg(pid, signal.SIGKILL)
        for worker in started:
            worker.wait()
        if self.redis:
            self.redis.stop()
        if self.postgres:
            self.postgres.stop()
        if self.mlflow:
            self.mlflow.stop()
        if self.disk:
            self.disk.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def _parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                # the name in parentheses may hold anything
                found[int(entry.name)] = int(
                    (entry / "stat").read_text().rpartition(")")[2].split()[1]
                )
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def write_grid(path: Path, log: Path, *, seeds: Sequence[int], steps: int) -> Path:
    """Write a grid of small runs that tell of every update."""
    path.write_text(
        f"""
task: {{name: latch, length: 10}}
cell: rnn
clipper: {{name: witnessed, folder: {log}}}
model: {{hidden_size: 8}}
optimizer: {{name: adam, lr: 1e-3}}
training:
  {{steps: {steps}, batch_size: 8, evaluate_every: 20, evaluation_size: 16,
    stop_when_solved: false}}
statistics: {{interval: 20, jacobian_interval: 0}}
seeds: [{", ".join(str(seed) for seed in seeds)}]
"""
    )
    return path
