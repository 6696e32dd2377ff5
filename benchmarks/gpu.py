"""Updates on a GPU next to bptt's on one core, prepared for the few minutes that one is lent for.

`python -m benchmarks gpu device=cpu` goes through everything that needs no GPU, on the processor.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks.cells import head, table_row
from benchmarks.gpu_updates import NeedsGpu, as_graph, by_layer, by_sequence, clock, together
from benchmarks.interleaving import Update, against, microseconds, processor_times
from benchmarks.part import Found, Part
from benchmarks.plain_script import BATCH
from benchmarks.updates import make_run
from bptt.training import prepare_thread

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Plan:
    device: str = "cuda"
    rounds: int = 5
    seconds: float = 0.1
    minutes: float = 8.0
    """After which no size is begun but the first."""
    sizes: tuple[str, ...] = (
        *("lstm_128_50", "rnn_128_50", "gru_128_50", "lstm_32_50", "rnn_32_50", "gru_32_50"),
        *("lstm_512_50", "gru_512_50", "lstm_1024_50", "lstm_128_200"),
    )
    """cell_H_T"""
    runs: tuple[int, ...] = (16, 64)
    """Trained at once in one process."""


def ways(size: str, plan: Plan) -> dict[str, Callable[[], Update]]:
    """Return how each way of training is made ready."""
    cell, hidden, length = size.split("_")
    sizes = (cell, int(hidden), int(length), plan.device)
    made: dict[str, Callable[[], Update]] = {
        "layer": partial(by_layer, *sizes),
        "sequence": partial(by_sequence, *sizes),
    }
    for runs in plan.runs:
        made[_of_runs(runs)] = partial(together, *sizes, runs)
    graphs = {_graph(name): partial(_captured, make, plan.device) for name, make in made.items()}
    return made | graphs


def _of_runs(runs: int) -> str:
    return f"{runs} runs"


def _graph(way: str) -> str:
    return f"{way}, graph"


def _captured(make: Callable[[], Update], device: str) -> Update:
    if device != "cuda":
        raise NeedsGpu
    return as_graph(make(), device)


def measure(plan: Plan) -> Found:
    """Measure size after size while there is time; nothing where the device is not there."""
    if plan.device == "cuda" and not torch.cuda.is_available():
        return {"gpu": "", "rows": []}
    prepare_thread()
    name = torch.cuda.get_device_name() if plan.device == "cuda" else ""
    began = time.monotonic()
    rows: list[dict[str, Any]] = []
    for size in plan.sizes:
        if not rows or time.monotonic() - began < 60 * plan.minutes:
            rows.append(_row(size, plan))
            print(f"{time.strftime('%H:%M:%S')} gpu {size}", flush=True)
    return {"gpu": name, "rows": rows}


def _row(size: str, plan: Plan) -> dict[str, Any]:
    cell, hidden, length = size.split("_")
    run = make_run(cell, hidden=int(hidden), length=int(length))
    run.advance()
    variants: dict[str, Update] = {"bptt": run.advance}
    failed: dict[str, str] = {}
    for name, make in ways(size, plan).items():
        torch.manual_seed(0)
        try:
            variants[name] = make()
        except NeedsGpu:
            continue
        except (RuntimeError, AssertionError, ArithmeticError) as why:
            # one way that this GPU or torch does not know is no reason to lose the others
            failed[name] = str(why).strip().splitlines()[0]
    seconds = processor_times(variants, plan.rounds, plan.seconds, partial(clock, plan.device))
    for runs in plan.runs:
        for name in (_of_runs(runs), _graph(_of_runs(runs))):
            if name in seconds:
                seconds[name] = [of_all / runs for of_all in seconds[name]]
    return {"size": size, "seconds": seconds, "failed": failed}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table, or that there was nothing to measure on."""
    yield "## On a GPU\n"
    if not found["rows"]:
        yield (
            f"{NOT_MEASURED.capitalize()}: there was no GPU. Where there is one, the command below "
            f"takes at most some {plan.minutes:.0f} minutes. It trains the same networks with "
            "torch's layer (cuDNN), with the sequence backend and many runs at once, each of these "
            "also as a CUDA graph."
        )
        return
    yield (
        f"Clock time of one update of one run (adding problem, batch {BATCH}, float32, fused Adam, "
        f"clipping by global norm) on {found['gpu'] or 'the processor, one thread'}, with bptt on "
        "one core of the same machine for scale: torch's own layer, bptt's sequence backend, and "
        "runs trained at once in one process (vmap over their weights, a loop over time), time "
        "divided by their number. *Graph*: replayed as a CUDA graph. Batches are drawn on the "
        "device, and nothing waits for a loss. How many times longer than bptt each takes; below "
        f"1 it is faster. {plan.rounds} interleaved blocks.\n"
    )
    names = list(ways(plan.sizes[0], plan))
    yield head("cell, H, T", "bptt, one core, us", *(f"{name} / bptt" for name in names))
    by_size = {one["size"]: one for one in found["rows"]}
    for size in plan.sizes:
        label = size.replace("_", " ")
        if size not in by_size:
            yield table_row(label, *[NOT_MEASURED] * (1 + len(names)))
            continue
        seconds = by_size[size]["seconds"]
        columns = [against(seconds, name, "bptt") or NOT_MEASURED for name in names]
        yield table_row(label, microseconds(seconds["bptt"]), *columns)
    for size, one in by_size.items():
        for name, why in one["failed"].items():
            yield f"\n- {size.replace('_', ' ')}, {name}: {NOT_MEASURED}, {why}"


PART = Part("gpu", "performance", Plan(), measure, lines)
