"""A whole grid, from the command to its last result, against the tools people use for it.

`python -m benchmarks.grid_throughput [CELLS ...]`, for example `rnn,gru`. Ray is measured where it
is installed.
"""

import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.queue_overhead import Embedded
from benchmarks.rival_grid import HIDDEN, LENGTH, RATES, SEEDS, UPDATES, points, text_of

GRIDS = ("rnn,gru", "rnn,gru,lstm")
RIVALS = ("loop", "joblib", "ray")
ROUNDS = 2


def run_rival(rival: str, cells: str) -> tuple[float, float, list[float]]:
    """Return wall seconds, processor seconds and last losses."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rival_grid", rival, cells],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used, json.loads(done.stdout.splitlines()[-1])


def run_bptt(stack: Embedded, cells: str) -> tuple[float, float, list[float]]:
    """Return the same for the grid through the queue, MLflow included in the processor time."""
    names = cells.split(",")
    file = stack.folder / "throughput.yaml"
    rates = f"[{', '.join(map(str, RATES))}]"
    cell = f"[{', '.join(f'{{name: {name}, biases: 2}}' for name in names)}]"
    text = text_of("CELL", rates).replace("{name: CELL, biases: 2}", cell)
    file.write_text(f"name: throughput\n{text}seeds: {SEEDS[len(names)]}\n")
    before, began = stack.processor_seconds(), time.perf_counter()
    stack.bptt("submit", str(file), "--force")
    stack.wait()
    wall = time.perf_counter() - began
    stack.wait_for_shipping()
    used = stack.processor_seconds() - before
    rows = stack.query(
        "SELECT c.spec, r.seed, r.result FROM runs r JOIN configurations c "
        "ON c.id = r.configuration_id JOIN grids g ON g.id = r.grid_id "
        "WHERE g.seq = (SELECT max(seq) FROM grids)"
    )
    found = {}
    for spec, seed, result in rows:
        spec, result = json.loads(str(spec)), json.loads(str(result))
        key = (spec["cell"]["name"], spec["optimizer"]["lr"], seed)
        found[key] = result["metrics"]["train/loss"]
    return wall, used, [found[point] for point in points(names)]


def rows(cells: str) -> Iterator[str]:
    """Yield the lines of one grid's table."""
    rivals = [r for r in RIVALS if r != "ray" or importlib.util.find_spec("ray")]
    ratios: dict[str, list[float]] = {rival: [] for rival in rivals}
    shares: dict[str, list[float]] = {rival: [] for rival in rivals}
    apart: dict[str, float] = dict.fromkeys(rivals, 0.0)
    seconds = []
    with Embedded() as stack:
        run_bptt(stack, cells)
        for _ in range(ROUNDS):
            for rival in rivals:
                wall, used, losses = run_rival(rival, cells)
                own_wall, own_used, own_losses = run_bptt(stack, cells)
                seconds.append(own_wall)
                ratios[rival].append(wall / own_wall)
                shares[rival].append(used / own_used)
                far = [abs(a - b) / abs(b) for a, b in zip(own_losses, losses, strict=True)]
                apart[rival] = max(apart[rival], statistics.median(far))
    runs = len(points(cells.split(",")))
    yield f"\n{cells}, {runs} runs; bptt: {_spread(seconds)} s.\n"
    yield "| rival | wall clock, rival / bptt | processor time, rival / bptt | losses apart |"
    yield "| --- | --- | --- | --- |"
    for rival in rivals:
        told = f"{_spread(ratios[rival])} | {_spread(shares[rival])} | {apart[rival]:.1e}"
        yield f"| {rival} | {told} |"


def table(grids: tuple[str, ...] = GRIDS) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "## A whole grid\n"
    yield (
        f"Adding task, T = {LENGTH}, hidden {HIDDEN}, {UPDATES} updates of 32 sequences, "
        f"{len(RATES)} learning rates, two runs at a time, from the command to the last result "
        "(bptt's processor time with everything sent to MLflow, and its gradient statistics "
        f"taken; rivals do neither). {ROUNDS} interleaved rounds: median [least, largest]; losses: "
        "median relative distance of the last training loss."
    )
    for cells in grids:
        yield from rows(cells)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


if __name__ == "__main__":
    for line in table(tuple(sys.argv[1:]) or GRIDS):
        print(line, flush=True)
