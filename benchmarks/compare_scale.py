"""`bptt compare` on a grid of 1,000 runs with everything that they measured.

`python -m benchmarks.compare_scale`
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bptt import store
from bptt.run_file import read_grid_text
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.store.records import Worker
from bptt.tracking.pictures import Pictures
from tests.servers import short_folder
from tests.trained import train_claimed

GRID = """
name: thousand
task: {name: latch, length: 50}
cell: [rnn, lstm, gru, gru_cho]
clipper: [none, {name: global_norm, max_norm: [0.1, 1.0, 3.0, 10.0]}]
optimizer: {name: adam, lr: [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]}
training: {steps: 300, batch_size: 64, evaluate_every: 50, stop_when_solved: false}
seeds: 10
"""
ROUNDS = 3
LIMIT = 5.0


def fill(settings: Settings) -> int:
    """Queue the grid and end every run with what one training of its cell measured."""
    database = store.open_database(settings.database)
    store.upgrade(database)
    request = read_grid_text(GRID, "thousand.yaml")
    store.submit_grid(
        database,
        user="ada",
        request=request,
        source=GRID,
        filename="thousand.yaml",
        overrides=(),
        force=True,
    )
    worker = Worker("w", "here", "boot", os.getpid(), 0.0, 1, "0")
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
            Pictures(folder, folder.read("run"), end, ended=True).write_artifacts()
        else:
            origin, _ = trained[cell]
            folder.path.parent.mkdir(parents=True)
            shutil.copytree(origin.path, folder.path)
        store.finish(database, run.run_id, run.attempt, trained[cell][1], 300)
        ended += 1
    database.close()
    return ended


def table() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "## Comparing a grid of 1,000 runs\n"
    with short_folder() as home:
        settings = Settings(home=Path(home))
        ended = fill(settings)
        page, folder = Path(home) / "report.html", Path(home) / "pictures"
        commands = {
            "compare": [],
            "compare --json": ["--json"],
            "compare --html": ["--html", str(page)],
            "compare --pictures": ["--pictures", str(folder)],
        }
        seconds = {name: [] for name in commands}
        for _ in range(ROUNDS):
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
    yield (
        f"{ended:,} runs of 100 configurations, each with a journal of 300 lines and its "
        f"statistics on the disk; whole commands, median [least, largest] of {ROUNDS}, in seconds; "
        f"at most {LIMIT:g}.\n"
    )
    yield "| " + " | ".join(f"`bptt {name}`" for name in seconds) + " |"
    yield "| --- " * len(seconds) + "|"
    told = [f"{statistics.median(s):.2f} [{min(s):.2f}, {max(s):.2f}]" for s in seconds.values()]
    yield "| " + " | ".join(told) + " |"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
