"""`bptt compare` on a large grid with everything that its runs measured."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cells import head, table_row
from benchmarks.interleaving import spread
from benchmarks.part import Found, Part
from bptt import store
from bptt.records.workers import WorkerProcess
from bptt.run_file import read_grid_text
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.tracking.run.pictures import Pictures
from tests.servers import short_folder
from tests.trained import train_claimed

GRID = """
name: thousand
task: {name: latch, length: 50}
cell: [rnn, lstm, gru, gru_cho]
clipper: [none, {name: global_norm, max_norm: [0.1, 1.0, 3.0, 10.0]}]
optimizer: {name: adam, lr: [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]}
training: {steps: 300, batch_size: 64, evaluate_every: 50, stop_when_solved: false}
seeds: {seeds}
"""
LIMIT = 5.0


@dataclass(frozen=True)
class Plan:
    rounds: int = 3
    seeds: int = 10
    """For each of 100 configurations."""


def fill(settings: Settings, plan: Plan) -> int:
    """Queue the grid and end every run with the measurements of one training of its cell."""
    database = store.open_database(settings.database)
    store.upgrade(database)
    text = GRID.replace("{seeds}", str(plan.seeds))
    request = read_grid_text(text, "thousand.yaml")
    store.submit_grid(
        database,
        user="ada",
        request=request,
        source=text,
        filename="thousand.yaml",
        overrides=(),
        force=True,
    )
    worker = WorkerProcess(
        worker_id="w",
        host="here",
        boot_id="boot",
        pid=os.getpid(),
        pid_started=0.0,
        slots=1,
        version="0",
    )
    store.register_worker(database, worker)
    trained: dict[str, tuple[RunFolder, dict[str, Any]]] = {}
    ended = 0
    while run := store.claim(database, worker_id="w", slot=0, lease_seconds=600):
        cell = str(run.spec["cell"]["name"])
        folder = RunFolder.of_attempt(settings.runs, run.run_id, run.attempt)
        if cell not in trained:
            folder.path.mkdir(parents=True)
            trained[cell] = folder, train_claimed(settings, run)
            # what a worker leaves once a run has been sent to MLflow
            end = folder.journal.stat().st_size
            run = folder.read_run()
            assert run is not None
            Pictures(folder, run, end, ended=True).write_artifacts()
        else:
            origin, _ = trained[cell]
            folder.path.parent.mkdir(parents=True)
            shutil.copytree(origin.path, folder.path)
        store.finish(database, run.run_id, run.attempt, trained[cell][1], 300)
        ended += 1
    database.close()
    return ended


def measure(plan: Plan) -> Found:
    """Return the seconds of each command."""
    with short_folder() as home:
        settings = Settings(home=Path(home))
        ended = fill(settings, plan)
        page, folder = Path(home) / "report.html", Path(home) / "pictures"
        commands = {
            "compare": [],
            "compare --json": ["--json"],
            "compare --html": ["--html", str(page)],
            "compare --pictures": ["--pictures", str(folder)],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(plan.rounds):
            for name, options in commands.items():
                began = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-m", "bptt", "compare", "thousand", *options],
                    env={**os.environ, "BPTT_HOME": str(home)},
                    check=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                seconds[name].append(time.perf_counter() - began)
    return {"runs": ended, "seconds": seconds}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    seconds = found["seconds"]
    yield "## Comparing a large grid\n"
    yield (
        f"{found['runs']:,} runs, {plan.seeds} for each configuration, each with a journal of 300 "
        f"lines and its statistics on disk; whole commands, {plan.rounds} of each, alternating, "
        f"in seconds; limit {LIMIT:g}.\n"
    )
    yield head(*(f"`bptt {name}`" for name in seconds))
    yield table_row(*(spread(values) for values in seconds.values()))


PART = Part("compare_scale", "performance", Plan(), measure, lines)
