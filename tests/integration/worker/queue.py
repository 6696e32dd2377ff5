"""A queue in a home of its own, a real worker as a process, and what they leave behind."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select, update

from bptt import store
from bptt.execution.checkpoint import from_bytes
from bptt.lifecycle import OWN_DEATHS_AT_MOST, WORKER_DEATHS_AT_MOST
from bptt.run_file import read_grid_text
from bptt.run_folder import RunFolder, attempts
from bptt.settings import Settings, for_child
from bptt.store import Database, tables
from bptt.store.tables import runs
from tests.servers import is_alive, short_folder, until

PATIENCE = 400.0
"""Seconds, on a machine that does much else."""
NOWHERE = "http://127.0.0.1:1"
"""An MLflow that is away, as long as nothing of a test goes there: a worker that finds one imports
it, which takes as long as all else that most tests here have it do."""
STEPS = 1000
"""Of a slow run: minutes, unless it is let go."""

GRID = """
name: small
task: {name: latch, length: 8}
cell: rnn
model: {hidden_size: 4}
training: {steps: STEPS, batch_size: 4, evaluate_every: 100, stop_when_solved: false}
statistics: {interval: 0}
seeds: SEEDS
"""


@dataclass
class Queue:
    """A home with its database, and what a person would look at there."""

    settings: Settings
    database: Database
    grids: int = 0

    def submit(
        self, *, steps: int = 40, seeds: int = 1, text: str = GRID, **extra: Any
    ) -> list[str]:
        """Queue a grid and return the ids of its runs."""
        # the name keeps the same points from being the same grid
        self.grids += 1
        text = text.replace("STEPS", str(steps)).replace("SEEDS", str(seeds))
        text = text.replace("name: small", f"name: small{self.grids}")
        request = read_grid_text(text, "grid.yaml")
        submitted = store.submit_grid(
            self.database,
            user="ada",
            request=request,
            source=text,
            filename="grid.yaml",
            overrides=[],
            **{"force": True, **extra},
        )
        with self.database.read() as connection:
            of_grid = select(runs.c.id).where(runs.c.grid_id == submitted.grid_id)
            return list(connection.scalars(of_grid.order_by(runs.c.number)))

    def run(self, run_id: str) -> Any:
        """Return a run's row."""
        with self.database.read() as connection:
            return connection.execute(select(runs).where(runs.c.id == run_id)).one()

    def attempts(self, run_id: str) -> list[Any]:
        """Return the rows of its attempts, the oldest first."""
        mine = select(tables.attempts).where(tables.attempts.c.run_id == run_id)
        with self.database.read() as connection:
            return list(connection.execute(mine.order_by(tables.attempts.c.attempt)))

    def statuses(self, run_ids: list[str]) -> list[str]:
        return [self.run(run_id).status for run_id in run_ids]

    def wait(self, run_ids: list[str], status: str = "succeeded") -> None:
        """Wait until all runs have come to a status."""
        wanted = [status] * len(run_ids)
        reached = until(lambda: self.statuses(run_ids) == wanted, PATIENCE)
        assert reached, [self.run(run_id) for run_id in run_ids]

    def wait_for_checkpoint(self, run_id: str) -> RunFolder:
        """Wait until the newest attempt at a run has two checkpoints behind its first step."""

        def saved() -> bool:
            found = attempts(self.settings.runs, run_id)
            if not found or not found[0].previous_checkpoint.exists():
                return False
            return bool(from_bytes(found[0].previous_checkpoint.read_bytes())["run"]["step"])

        assert until(saved, PATIENCE), self.run(run_id)
        return attempts(self.settings.runs, run_id)[0]

    def resumed_at(self, run_id: str) -> list[int]:
        """Return the steps at which attempts at a run went on, by the newest one's journal."""
        records = attempts(self.settings.runs, run_id)[0].records()
        tags = [record.get("tags", {}) for _, record in records]
        return [tag["bptt.resumed_at"] for tag in tags if "bptt.resumed_at" in tag]

    def request(self, run_id: str, what: str) -> None:
        """Ask a running run to stop."""
        self._update(run_id, stop_request=what)

    def blame(self, run_id: str) -> None:
        """Have a run one death of its own away from failing, however far it gets."""
        one_less = WORKER_DEATHS_AT_MOST - WORKER_DEATHS_AT_MOST // OWN_DEATHS_AT_MOST
        self._update(run_id, losses=one_less, loss_step=10**6)

    def release(self, run_id: str) -> None:
        """Put a held run back into the queue."""
        self._update(run_id, status="queued")

    def _update(self, run_id: str, **values: Any) -> None:
        with self.database.write() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(**values))

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let nobody write to the database."""
        with closing(sqlite3.connect(self.database.file, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout = 60000")
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    def child(self, run_id: str) -> psutil.Process:
        """Return the process that trains a run, as its log names it."""
        found: list[int] = []

        def named() -> bool:
            for folder in attempts(self.settings.runs, run_id)[:1]:
                said = folder.log.read_text() if folder.log.exists() else ""
                found.extend(int(n) for n in re.findall(r", process (\d+)\n", said))
            return bool(found)

        assert until(named, PATIENCE), self.run(run_id)
        return psutil.Process(found[-1])


@dataclass
class RunningWorker:
    """A worker process and all that it has started."""

    process: subprocess.Popen[bytes]
    log: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    def look(self) -> set[int]:
        """Remember the processes that it has started so far."""
        with suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.process.pid).children(recursive=True):
                self.seen[one.pid] = one
        return set(self.seen)

    def survivors(self) -> list[psutil.Process]:
        """Return those of them that live."""
        return [one for pid, one in self.seen.items() if is_alive(pid) and one.is_running()]

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def drain(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextmanager
def open_queue(**settings: Any) -> Iterator[Queue]:
    """Yield an empty queue on SQLite; Redis would be on the home's socket, where none is.

    Args:
        settings: other settings than those of a home that is made for tests.
    """
    with short_folder() as home:
        given = {
            "home": home,
            "slots": 2,
            "lease_seconds": 30,
            "checkpoint_seconds": 0.2,
            "mlflow_url": NOWHERE,
        }
        chosen = Settings(**(given | settings))
        database = store.open_database(chosen.database)
        store.upgrade(database)
        yield Queue(chosen, database)
        database.close()


@contextmanager
def workers_of(queue: Queue) -> Iterator[Callable[..., RunningWorker]]:
    """Yield a function that starts a worker of the queue; all of it is gone afterwards."""
    workers: list[RunningWorker] = []

    def start(
        *, ready: bool = True, within: str = "", python: str = sys.executable, **settings: Any
    ) -> RunningWorker:
        command = [python, "-m", "bptt", "worker"]
        if within:
            # mounts of its own, which go when the process ends
            shell = f'{within} && exec "$@"'
            command = ["unshare", "--map-root-user", "--mount", "sh", "-c", shell, "sh", *command]
        log = queue.settings.home / f"worker{len(workers)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                env=for_child(replace(queue.settings, **settings)),
                stderr=file,
                stdout=file,
                start_new_session=True,
            )
        worker = RunningWorker(process, log)
        workers.append(worker)
        if ready:
            assert until(lambda: worker.said("is ready") or process.poll() is not None, PATIENCE)
            assert process.poll() is None, log.read_text()
            worker.look()
        return worker

    try:
        yield start
    finally:
        for worker in workers:
            if worker.process.poll() is None:
                worker.look()
                os.kill(worker.process.pid, signal.SIGCONT)
                worker.kill()
            print(worker.log.read_text())
    for worker in workers:
        assert until(lambda w=worker: not w.survivors(), PATIENCE), worker.survivors()
