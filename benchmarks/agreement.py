"""Error in subject-verb agreement by number of attractors, for rnn, lstm and gru, over seeds.

The lecture's claim: a recurrent language model follows the last noun (sequential recency) instead
of the subject (syntactic recency) where its gradient does not reach the subject.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from scipy.stats import t as student

from benchmarks.cells import head, table_row
from benchmarks.part import Found, Part
from benchmarks.updates import FILES
from bptt.measuring.logged import TEST_METRIC
from bptt.run_file import read_run_file
from bptt.training import TrainingRun, train

ATTRACTORS = 5


@dataclass(frozen=True)
class Plan:
    cells: tuple[str, ...] = ("rnn", "lstm", "gru")
    seeds: int = 5
    updates: int = 470


def errors(cell: str, seed: int, updates: int) -> list[float]:
    """Train one language model to its last step; return its test error at 0 .. 4 attractors."""
    overrides = [
        *(f"seed={seed}", f"training.steps={updates}"),
        *("training.stop_when_solved=false", "statistics.interval=0"),
    ]
    run = TrainingRun(read_run_file(FILES / f"agreement-{cell}.yaml", overrides).spec)
    *_, report = train(run)
    named = (TEST_METRIC.named(f"error_attractors_{k}") for k in range(ATTRACTORS))
    return [report.metrics[name] for name in named]


def measure(plan: Plan) -> Found:
    """Return the errors of every seed of every cell."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        futures = {
            cell: [pool.submit(errors, cell, seed, plan.updates) for seed in range(plan.seeds)]
            for cell in plan.cells
        }
        return {cell: [future.result() for future in found] for cell, found in futures.items()}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table, mean with its 95 % interval over the seeds."""
    yield "## Agreement: error by number of attractors\n"
    yield (
        "Share of minimal pairs in which the language model prefers the wrong verb form, in %, on "
        "test sentences of which training has seen none: "
        f"mean over {plan.seeds} seeds with the 95 % interval of the mean (Student's t, cut at 0 "
        "and 100), and the extreme seeds in brackets. Chance is 50; above it the model follows the "
        f"last noun. Hidden 32, embedding 16, Adam 3e-3, {plan.updates} updates of 64 sentences; "
        "with more the RNN learns it too, so the table says how soon, not whether.\n"
    )
    yield head("cell", *map(str, range(ATTRACTORS)))
    for cell, by_seed in found.items():
        yield table_row(cell, *map(_interval, zip(*by_seed, strict=True)))


def _interval(shares: Sequence[float]) -> str:
    percent = [100 * share for share in shares]
    mean = statistics.mean(percent)
    extremes = f"[{min(percent):.1f}, {max(percent):.1f}]"
    if len(percent) == 1:
        return f"{mean:.1f} {extremes}"
    quantile = float(student.ppf(0.975, len(percent) - 1))
    half = quantile * statistics.stdev(percent) / math.sqrt(len(percent))
    return f"{mean:.1f} ({max(0.0, mean - half):.1f} to {min(100.0, mean + half):.1f}) {extremes}"


PART = Part("agreement", "measurements", Plan(), measure, lines)
