"""Error in subject-verb agreement by number of attractors, for rnn, lstm and gru, over seeds.

The lecture's claim: a recurrent language model follows the last noun (sequential recency) instead
of the subject (syntactic recency) where its gradient does not reach the subject.
"""

import math
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bptt.run_file import read_run_file
from bptt.training import TrainingRun, train

FILES = Path(__file__).parent.parent / "grids" / "runs"
CELLS = ("rnn", "lstm", "gru")
SEEDS = 5
ATTRACTORS = 5
T_975 = 2.776
"""97.5 % quantile of Student's t with 4 degrees of freedom: 5 seeds."""


def errors(cell: str, seed: int) -> list[float]:
    """Train one language model to its last step; return its error at 0 .. 4 attractors."""
    overrides = [f"seed={seed}", "training.stop_when_solved=false", "statistics.interval=0"]
    run = TrainingRun(read_run_file(FILES / f"agreement-{cell}.yaml", overrides).spec)
    for _ in train([run]):
        pass
    return [run.evaluation.latest[f"error_attractors_{k}"] for k in range(ATTRACTORS)]


def table() -> Iterator[str]:
    """Yield the lines of the table, mean with its 95 % interval over the seeds."""
    yield "## Agreement: error by number of attractors\n"
    yield (
        "Share of minimal pairs in which the language model prefers the wrong verb form, in %: "
        f"mean over {SEEDS} seeds with the 95 % interval of the mean (Student's t, cut at 0 and "
        "100), and the extreme seeds in brackets. Chance is 50; above it the model follows the "
        "last noun. Hidden 32, embedding 16, Adam 3e-3, 470 updates of 64 sentences: with two to "
        "three times the updates the RNN learns it too, so the table says how soon, not whether.\n"
    )
    yield "| cell | " + " | ".join(f"{k}" for k in range(ATTRACTORS)) + " |"
    yield "| --- |" + " --- |" * ATTRACTORS
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        futures = {c: [pool.submit(errors, c, seed) for seed in range(SEEDS)] for c in CELLS}
        for cell in CELLS:
            by_seed = [future.result() for future in futures[cell]]
            yield f"| {cell} | " + " | ".join(map(_interval, zip(*by_seed, strict=True))) + " |"


def _interval(shares: tuple[float, ...]) -> str:
    percent = [100 * share for share in shares]
    mean = statistics.mean(percent)
    half = T_975 * statistics.stdev(percent) / math.sqrt(len(percent))
    low, high = max(0.0, mean - half), min(100.0, mean + half)
    return f"{mean:.1f} ({low:.1f} to {high:.1f}) [{min(percent):.1f}, {max(percent):.1f}]"
