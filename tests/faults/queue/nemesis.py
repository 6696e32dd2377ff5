"""Breaks a cluster, one fault after the other, in an order a seed decides."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import redis

from tests.faults.queue import damage
from tests.faults.queue.cluster import Cluster, write_grid

SHARES: Mapping[str, float] = {
    "kill worker": 30,
    "kill run": 30,
    "kill redis": 12,
    "kill database": 8,
    "kill submit": 6,
    "freeze worker": 6,
    "freeze run": 2,
    "flush redis": 2,
    "fill disk": 2,
    "kill mlflow": 2,
    "cancel": 4,
}

DAMAGES: Mapping[str, float] = {
    "kill up": 6,
    "kill worker": 8,
    "kill run": 8,
    "kill template": 6,
    "kill shipping": 8,
    "kill database": 4,
    "freeze worker": 4,
    "freeze run": 2,
    "fill disk": 8,
    "tear journal": 12,
    "tear checkpoint": 8,
    "tear shipped": 12,
    "tear kernels": 4,
    "lock mlflow": 6,
    "remove mlflow": 2,
    "delete while shipping": 8,
}
"""What a file system, a disk and a hasty user do to files, among the faults of processes."""


class Nemesis:
    """Breaks what it is given.

    Args:
        cluster: what to break.
        seed: decides every choice; print it when a test fails.
        shares: fault -> how often, against the others.
    """

    def __init__(self, cluster: Cluster, seed: int, shares: Mapping[str, float] = SHARES) -> None:
        self.cluster, self.shares = cluster, shares
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.log: list[str] = []
        self.frozen: dict[int, threading.Timer] = {}
        """What thaws each process that is frozen; one of its own, because a fault may wait for
        what a frozen process holds."""
        self.cancelled: list[str] = []
        """Runs whose cancel was acknowledged."""
        self.submitted = 0
        """Small grids whose submission was killed and then repeated."""
        self.deleted: list[str] = []
        """Runs of grids that were deleted while their results were on their way to MLflow."""
        self._began = time.monotonic()

    def strike(self) -> None:
        """Do one fault; what cannot be done right now is replaced by another."""
        faults: dict[str, Callable[[], bool]] = {
            "kill up": lambda: self._kill_others(self.cluster.ups()),
            "kill worker": lambda: self._kill_others(self.cluster.alive()),
            "kill run": self._kill_run,
            "kill redis": self._kill_redis,
            "kill database": self._kill_database,
            "kill submit": self._kill_submit,
            "freeze worker": lambda: self._freeze(self.cluster.alive()),
            "freeze run": lambda: self._freeze(self.cluster.training()),
            "flush redis": self._flush,
            "fill disk": self._fill_disk,
            "kill mlflow": self._kill_mlflow,
            "cancel": self._cancel,
            "kill template": lambda: self._kill_others(self.cluster.processes("multiprocessing")),
            "kill shipping": lambda: self._kill(self.cluster.processes("bptt.shipping.process")),
            "tear journal": lambda: self._tear(damage.tear_journal),
            "tear checkpoint": lambda: self._tear(damage.tear_checkpoint),
            "tear shipped": lambda: damage.tear_shipped(self.cluster.home, self.chance),
            "tear kernels": lambda: damage.tear_kernels(self.cluster.home, self.chance),
            "lock mlflow": self._lock_mlflow,
            "remove mlflow": self._remove_mlflow,
            "delete while shipping": self._delete,
        }
        while True:
            (name,) = self.chance.choices(list(self.shares), list(self.shares.values()))
            # nothing can be damaged on a disk that is full
            with suppress(OSError):
                if faults[name]():
                    break
        self.done[name] += 1
        self.log.append(f"{time.monotonic() - self._began:8.2f} {name}")

    def thaw(self) -> None:
        """Let go on whatever is still frozen."""
        for pid, timer in list(self.frozen.items()):
            timer.cancel()
            self._thaw(pid)

    def _thaw(self, pid: int) -> None:
        self.frozen.pop(pid, None)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def _kill(self, victims: list[int]) -> bool:
        if not victims:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.chance.choice(victims), signal.SIGKILL)
            return True
        return False

    def _kill_run(self) -> bool:
        return not self._would_end_a_run() and self._kill(self.cluster.training())

    def _kill_others(self, victims: list[int]) -> bool:
        return not self._would_end_a_run(by_itself=False) and self._kill(victims)

    def _would_end_a_run(self, by_itself: bool = True) -> bool:
        # a third death in a row, or the ninth with a worker, before a checkpoint, is the run's own
        # fault by contract; the last one may not have been told yet
        most = 5 if by_itself else 7
        near = f"SELECT count(*) FROM runs WHERE status = 'running' AND losses > {most}"
        return self.cluster.query(near) != [(0,)]

    def _freeze(self, victims: list[int]) -> bool:
        victims = [pid for pid in victims if pid not in self.frozen]
        if not victims:
            return False
        pid = self.chance.choice(victims)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            timer = threading.Timer(self.chance.uniform(2, 12), self._thaw, [pid])
            timer.daemon = True
            self.frozen[pid] = timer
            timer.start()
            return True
        return False

    def _kill_redis(self) -> bool:
        if self.cluster.redis is None:
            return False
        self.cluster.redis.kill()
        return True

    def _kill_database(self) -> bool:
        if self.cluster.postgres is None:
            return False
        self.cluster.postgres.kill()
        return True

    def _flush(self) -> bool:
        if self.cluster.redis is None:
            return False
        with suppress(redis.RedisError), self.cluster.redis.client() as client:
            client.flushall()
            return True
        return False

    def _fill_disk(self) -> bool:
        disk = self.cluster.disk
        if disk is None or not disk.fill():
            return False
        seconds, pages = self.chance.uniform(1, 8), self.chance.choice([1, 4, 16])

        def free() -> None:
            # a page at a time, into which a part of a line fits, and then all of it
            for _ in range(pages):
                time.sleep(seconds / pages)
                disk.fill(pages=1)
            disk.clear()

        threading.Thread(target=free, daemon=True).start()
        return True

    def _kill_mlflow(self) -> bool:
        if self.cluster.mlflow is None:
            return False
        self.cluster.mlflow.kill()
        return True

    def _tear(self, tear: Callable[[Path, random.Random], bool]) -> bool:
        """Damage a file of a run that trains; its process dies with it, as in a power cut."""
        if self._would_end_a_run():
            return False
        running = self.cluster.query("SELECT id, attempt FROM runs WHERE status = 'running'")
        for run_id, attempt in self.chance.sample(running, len(running)):
            folder = self.cluster.home / "runs" / str(run_id) / f"a{attempt}"
            pid = self.cluster.trainer_of(folder)
            if pid is None:
                continue
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                try:
                    torn = tear(folder, self.chance)
                except OSError:
                    # on a full disk
                    torn = False
                os.kill(pid, signal.SIGKILL if torn else signal.SIGCONT)
                return torn
        return False

    def _lock_mlflow(self) -> bool:
        file = self.cluster.home / "mlflow.db"
        if self.cluster.mlflow or not file.exists():
            return False
        seconds = self.chance.uniform(1, 8)
        threading.Thread(target=damage.lock_database, args=(file, seconds), daemon=True).start()
        return True

    def _remove_mlflow(self) -> bool:
        file = self.cluster.home / "mlflow.db"
        if self.cluster.mlflow or not file.exists():
            return False
        for name in ("mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlflow.db-journal"):
            (self.cluster.home / name).unlink(missing_ok=True)
        return True

    def _delete(self) -> bool:
        number = len(self.deleted)
        path = write_grid(
            self.cluster.folder / f"short-{number}.yaml",
            self.cluster.log,
            seeds=[20_000 + number],
            steps=5,
        )
        said = self.cluster.run("submit", str(path), "--priority", "100", "--json").stdout
        grid_id = json.loads(said)["grid_id"]
        ended = f"SELECT count(*) FROM runs WHERE grid_id = '{grid_id}' AND status = 'succeeded'"
        deadline = time.monotonic() + 60
        while self.cluster.query(ended) == [(0,)]:
            if time.monotonic() > deadline:
                # nothing can train it for now; a run that trains is not deleted
                return False
            self.cluster.keep()
            time.sleep(0.1)
        runs = self.cluster.query(f"SELECT id FROM runs WHERE grid_id = '{grid_id}'")
        self.cluster.run("delete", grid_id, "--yes")
        self.deleted += [str(run_id) for (run_id,) in runs]
        return True

    def _kill_submit(self) -> bool:
        number = self.submitted
        self.submitted += 1
        path = write_grid(
            self.cluster.folder / f"extra-{number}.yaml",
            self.cluster.log,
            seeds=[10_000 + 2 * number, 10_001 + 2 * number],
            steps=20,
        )
        process = self.cluster.start("submit", str(path))
        time.sleep(self.chance.uniform(0.5, 3.0))
        process.kill()
        process.wait()
        # the user does it again: that must never double anything
        self.cluster.run("submit", str(path))
        return True

    def _cancel(self) -> bool:
        live = self.cluster.query(
            "SELECT id FROM runs WHERE status IN ('queued', 'running') ORDER BY seq"
        )
        if not live:
            return False
        (run_id,) = self.chance.choice(live)
        done = self.cluster.run("cancel", run_id, "--yes", check=False)
        if done.returncode == 0:
            self.cancelled.append(run_id)
        return True
