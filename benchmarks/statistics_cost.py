"""What the gradient statistics cost: the same run with and without, interleaved."""

import statistics
import time
from collections.abc import Iterator

from benchmarks.agreement import FILES
from bptt.run_file import read_run_file
from bptt.training import TrainingRun, train

CELLS = ("rnn", "lstm", "gru")
ROUNDS = 5


def seconds(cell: str, interval: int) -> float:
    """Return the processor time of 300 updates of the latch task."""
    overrides = [
        f"statistics.interval={interval}",
        "training.stop_when_solved=false",
        "training.evaluate_every=300",
    ]
    run = TrainingRun(read_run_file(FILES / f"latch-{cell}.yaml", overrides).spec)
    began = time.process_time()
    for _ in train([run]):
        pass
    return time.process_time() - began


def table() -> Iterator[str]:
    """Yield the lines of the table: ratios with / without, pair by pair."""
    yield "## Cost of the statistics\n"
    yield (
        "Processor time of 300 updates (latch, T = 50, hidden 32, batch 64) with statistics "
        f"divided by the time without, {ROUNDS} interleaved pairs: median [least, largest]. "
        "Jacobians and Lyapunov exponents are taken at the first and last update in each.\n"
    )
    yield "| cell | every 100 updates (default) | every 50 | every 10 |\n| --- | --- | --- | --- |"
    for cell in CELLS:
        seconds(cell, 100)
        ratios: dict[int, list[float]] = {100: [], 50: [], 10: []}
        for _ in range(ROUNDS):
            for interval, found in ratios.items():
                with_statistics, without = seconds(cell, interval), seconds(cell, 0)
                found.append(with_statistics / without)
        columns = [
            f"{statistics.median(r):.2f} [{min(r):.2f}, {max(r):.2f}]" for r in ratios.values()
        ]
        yield f"| {cell} | " + " | ".join(columns) + " |"
