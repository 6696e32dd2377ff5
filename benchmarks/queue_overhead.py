"""What the queue costs: small runs through it against plain scripts, latency, and idling.

`python -m benchmarks.queue_overhead`
"""

import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.faults.queue import witness

RUNS, SLOTS, ROUNDS = 16, 2, 3
LATENCIES = 10
IDLE_SECONDS = 60
SCRIPT = Path(__file__).parent / "plain_script.py"
GRID = """
task: {name: latch, length: 20}
cell: lstm
clipper: {name: global_norm, max_norm: 1.0}
model: {hidden_size: 16}
optimizer: {name: adam, lr: 3e-3}
training: {steps: 100, batch_size: 16, evaluate_every: 100, stop_when_solved: false}
"""


class Embedded:
    """`bptt up` in a home of its own, for as long as the block lasts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bptt"))
        self.home = self.folder / "home"
        witness.install(self.folder / "site", self.folder / "witness", 0)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name[:5] != "BPTT_"},
            "PYTHONPATH": str(self.folder / "site"),
            "BPTT_HOME": str(self.home),
            "BPTT_SLOTS": str(SLOTS),
        }

    def __enter__(self) -> "Embedded":
        self.bptt("up", "-d")
        return self

    def __exit__(self, *error: object) -> None:
        self.bptt("down")
        shutil.rmtree(self.folder)

    def bptt(self, *arguments: str) -> str:
        """Run a command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bptt", *arguments],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def query(self, statement: str) -> list[tuple[float, ...]]:
        """Return rows of the database."""
        with closing(sqlite3.connect(self.home / "bptt.db", timeout=30)) as connection:
            return list(connection.execute(statement))

    def wait(self) -> None:
        """Wait until nothing is queued or running."""
        while self.query("SELECT 1 FROM runs WHERE status IN ('queued', 'running') LIMIT 1"):
            time.sleep(0.02)

    def wait_for_shipping(self) -> None:
        """Wait until MLflow has everything, so that one round does not pay for another."""
        while self.query("SELECT 1 FROM runs WHERE mlflow = 'pending' LIMIT 1"):
            time.sleep(0.2)

    def processor_seconds(self) -> float:
        """Return what all processes of the stack have used so far."""
        ticks = os.sysconf("SC_CLK_TCK")
        total = 0.0
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and f"BPTT_HOME={self.home}" in (
                    entry / "environ"
                ).read_text(errors="replace"):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    total += (int(fields[11]) + int(fields[12])) / ticks
            except OSError:
                continue
        return total


def through_the_queue(stack: Embedded, number: int) -> float:
    """Return the seconds from the command to the end of the last run."""
    file = stack.folder / f"grid-{number}.yaml"
    first = number * RUNS
    seeds = ", ".join(str(seed) for seed in range(first, first + RUNS))
    file.write_text(f"{GRID}seeds: [{seeds}]\n")
    began = time.perf_counter()
    stack.bptt("submit", str(file))
    stack.wait()
    return time.perf_counter() - began


def as_plain_scripts() -> tuple[float, float]:
    """Return wall and processor seconds of as many scripts, as many at a time."""

    def script(seed: int) -> None:
        command = [sys.executable, str(SCRIPT), str(seed)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(script, range(RUNS)))
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def latencies(stack: Embedded) -> list[float]:
    """Return, for single runs, the seconds from the commit of the grid to the first update."""
    found = []
    for number in range(LATENCIES):
        file = stack.folder / f"one-{number}.yaml"
        log = stack.folder / "witness"
        text = GRID.replace(
            "{name: global_norm, max_norm: 1.0}", f"{{name: witnessed, folder: {log}}}"
        )
        file.write_text(f"{text}seed: {number}\n")
        stack.bptt("submit", str(file))
        stack.wait()
        ((run_id, created),) = stack.query(
            "SELECT id, created_at FROM runs ORDER BY seq DESC LIMIT 1"
        )
        found.append(witness.read(log)[str(run_id)][0].at - created)
        stack.wait_for_shipping()
    return found


def table() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "## Cost of the queue\n"
    queue, plain, processor = [], [], []
    with Embedded() as stack:
        through_the_queue(stack, 0)
        for number in range(1, ROUNDS + 1):
            stack.wait_for_shipping()
            wall, cpu = as_plain_scripts()
            plain.append(wall)
            processor.append(cpu)
            queue.append(through_the_queue(stack, number))
        stack.wait_for_shipping()
        starts = latencies(stack)
        before = stack.processor_seconds()
        time.sleep(IDLE_SECONDS)
        idle = (stack.processor_seconds() - before) / IDLE_SECONDS
    ratios = [p / q for p, q in zip(plain, queue, strict=True)]
    yield (
        f"{RUNS} runs of an LSTM (latch, T = 20, hidden 16, 100 updates) on {SLOTS} slots, from "
        f"`bptt submit` to the end of the last one, against {RUNS} plain scripts, {SLOTS} at a "
        f"time; {ROUNDS} interleaved pairs: {_spread(queue)} s against {_spread(plain)} s, ratio "
        f"{_spread(ratios)}.\n"
    )
    yield f"From the commit of a grid of one run to its first update, warm: {_spread(starts)} s.\n"
    yield f"Processor time of the whole stack while idle: {100 * idle:.2f} % of one core.\n"


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
