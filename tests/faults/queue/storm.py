"""A grid, a storm over it, and what must hold afterwards."""

import json
import math
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.faults.queue import witness
from tests.faults.queue.checker import Verdict, check
from tests.faults.queue.cluster import Cluster, DatabaseKind, write_grid
from tests.faults.queue.nemesis import DAMAGES, SHARES, Nemesis
from tests.faults.queue.undisturbed import undisturbed_weights
from tests.faults.queue.weights import weights_hash

MISSING = "is not in MLflow"


class Storm:
    """Submits a grid, breaks things while it runs, lets it end in peace, and judges.

    Args:
        database: kind of the database.
        runs: of the grid.
        steps: updates of each run.
        faults: how many.
        seed: of the storm; None draws one.
        everything: MLflow is a server, and dies too; root fills the disk now and then.
        damage: files are damaged too; MLflow lies in the home, root fills its disk, and a
            `bptt up` is killed, with the Redis of all workers.
        workers: processes, of two slots each.
        per_second: faults per second; more than one mostly measures how fast workers start.
    """

    def __init__(
        self,
        database: DatabaseKind,
        *,
        runs: int,
        steps: int,
        faults: int,
        seed: int | None = None,
        per_second: float = 0.8,
        everything: bool = False,
        damage: bool = False,
        workers: int = 3,
    ) -> None:
        self.runs, self.steps, self.faults = runs, steps, faults
        self.seed = random.randrange(2**32) if seed is None else seed
        self.gap = 1 / per_second
        self.folder = Path(tempfile.mkdtemp(prefix="bptt"))
        self.cluster = Cluster(
            self.folder,
            database,
            workers=workers,
            mlflow="server" if everything else "home" if damage else "away",
            small_disk=(everything or damage) and os.geteuid() == 0,
            up=damage,
        )
        self.nemesis = Nemesis(self.cluster, self.seed, DAMAGES if damage else SHARES)
        self.file = write_grid(
            self.folder / "storm.yaml", self.cluster.log, seeds=range(runs), steps=steps
        )

    def rage(self) -> None:
        """Submit the grid and strike until all faults are done; then wait for the last run."""
        self.cluster.run("submit", str(self.file))
        chance = random.Random(self.seed + 1)
        began = time.monotonic()
        for number in range(self.faults):
            self._spread(number, (time.monotonic() - began) / (number or 1))
            next_at = time.monotonic() + chance.uniform(0.5, 1.5) * self.gap
            self.nemesis.strike()
            if number % 25 == 0:
                print(f"{number} faults, {self.cluster.unfinished()} runs left", file=sys.stderr)
            while time.monotonic() < next_at:
                self.cluster.keep()
                time.sleep(0.05)
        self.nemesis.thaw()
        witness.set_pause(self.cluster.log, 0)
        self.cluster.wait_until(lambda: self.cluster.unfinished() == 0, "all runs end", 900)

    def _spread(self, number: int, seconds: float) -> None:
        """Slow the updates down, or speed them up, so that the last fault still finds work."""
        left = self.cluster.unfinished() * self.steps
        time_left = (self.faults - number) * max(seconds, self.gap)
        # about half of the time a slot's worker has just been killed
        pause = 0.5 * time_left * self.cluster.slots / max(left, 1)
        witness.set_pause(self.cluster.log, min(max(pause, 0.02), 1.0))

    def verdict(self) -> Verdict:
        """Judge by the witness log and the events alone."""
        steps = json.loads
        expected = {
            run_id: steps(spec)["training"]["steps"]
            for run_id, spec in self.cluster.query(
                "SELECT r.id, c.spec FROM runs r JOIN configurations c ON c.id = r.configuration_id"
            )
        }
        seen = witness.read(self.cluster.log)
        return check(expected, seen, self.cluster.events(), self.nemesis.cancelled)

    def computed_twice(self) -> list[str]:
        """Return the identities that two runs succeeded in: a submission that was doubled."""
        rows = self.cluster.query("SELECT identity FROM runs WHERE status = 'succeeded'")
        return [identity for (identity,), count in Counter(rows).items() if count > 1]

    def wrong_results(self) -> list[str]:
        """Return the runs of the grid whose weights are not those of an undisturbed training."""
        calm = undisturbed_weights(self.file, self.folder / "site")
        wrong = []
        for number, run_id in self._succeeded():
            folder = newest_attempt(self.cluster.home / "runs" / run_id)
            if weights_hash(calm[number].saved(folder)) != calm[number].digest:
                wrong.append(run_id)
        return wrong

    def _succeeded(self) -> list[tuple[int, str]]:
        return [
            (int(number), str(run_id))
            for number, run_id in self.cluster.query(
                "SELECT r.number, r.id FROM runs r JOIN grids g ON g.id = r.grid_id "
                "WHERE r.status = 'succeeded' AND g.name = 'storm' ORDER BY r.number"
            )
        ]

    def wait_for_mlflow(self, seconds: float) -> None:
        """Wait until everything is shipped, also what MLflow lost with its database."""

        def shipped() -> bool:
            if self.cluster.query("SELECT id FROM runs WHERE mlflow = 'pending'"):
                return False
            try:
                return not any(problem.endswith(MISSING) for problem in self.wrong_points())
            except sqlite3.OperationalError:
                # it was removed, and nobody has made it anew yet
                return False

        self.cluster.wait_until(shipped, "everything is in MLflow", seconds)

    def wrong_points(self) -> list[str]:
        """Return the runs whose points in MLflow are not exactly those of their journal."""
        wrong = []
        home = self.cluster.mlflow.folder if self.cluster.mlflow else self.cluster.home
        # one that is not there is not made here
        file = f"file:{home / 'mlflow.db'}?mode=ro"
        with closing(sqlite3.connect(file, uri=True, timeout=30)) as connection:
            for _, run_id in self._succeeded():
                found = connection.execute(
                    "SELECT run_uuid FROM tags WHERE key = 'bptt.run_id' AND value = ?", [run_id]
                ).fetchall()
                if len(found) != 1:
                    wrong.append(
                        f"{run_id}: {len(found)} runs in MLflow" if found else f"{run_id} {MISSING}"
                    )
                    continue
                rows = connection.execute(
                    "SELECT key, step FROM metrics WHERE run_uuid = ?", found[0]
                ).fetchall()
                there = Counter(row for row in rows if _is_journalled(row[0]))
                expected = journalled(newest_attempt(self.cluster.home / "runs" / run_id))
                if there != expected:
                    wrong.append(
                        f"{run_id}: too many {there - expected}, too few {expected - there}"
                    )
        return wrong

    def undeleted(self) -> list[str]:
        """Return the runs of deleted grids that are still a row or a folder."""
        rows = {str(run_id) for (run_id,) in self.cluster.query("SELECT id FROM runs")}
        return [
            run_id
            for run_id in self.nemesis.deleted
            if run_id in rows or (self.cluster.home / "runs" / run_id).exists()
        ]

    def story(self) -> str:
        """Return what is needed to understand a failure."""
        return "\n".join(
            [
                f"seed {self.seed}, faults {dict(self.nemesis.done)}",
                *self.nemesis.log[-60:],
                *(
                    f"{run_id} failed: {failure}"
                    for run_id, failure in self.cluster.query(
                        "SELECT id, failure FROM runs WHERE status = 'failed'"
                    )
                ),
                *(str(event) for event in self.cluster.events()[-200:]),
                self.cluster.tail(),
            ]
        )


def newest_attempt(run: Path) -> Path:
    """Return the folder of a run's last attempt that has a result."""
    done = [path.parent for path in run.glob("a*/result.json")]
    return max(done, key=lambda path: int(path.name[1:]))


def journalled(folder: Path) -> Counter[tuple[str, int]]:
    """Return the points that a journal holds, by key and step."""
    found: Counter[tuple[str, int]] = Counter()
    for line in (folder / "journal.jsonl").read_text().splitlines():
        record = json.loads(line)
        for name, value in record.get("metrics", {}).items():
            # MLflow has no point where a metric is not a number
            if value is not None and math.isfinite(value) and _is_journalled(name):
                found[name, record["step"]] += 1
    return found


def _is_journalled(name: str) -> bool:
    return name.startswith(("train/", "eval/", "grad/"))
