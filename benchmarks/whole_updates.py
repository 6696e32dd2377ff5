"""Whole updates next to a training function in JAX: data, both passes, clipping, Adam."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import jax_grid
from benchmarks.cells import head, table_row
from benchmarks.interleaving import against, microseconds, processor_times
from benchmarks.jax_cells import is_installed, on_one_thread
from benchmarks.part import Found, Part
from benchmarks.plain_script import BATCH
from benchmarks.updates import make_run
from bptt.training import prepare_thread

UPDATES = 16
"""In one call of the compiled function, which also draws its weights."""


@dataclass(frozen=True)
class Plan:
    rounds: int = 5
    seconds: float = 0.1
    cells: tuple[str, ...] = ("rnn", "lstm", "gru")
    hidden: tuple[int, ...] = (32, 64, 128)
    lengths: tuple[int, ...] = (50, 200)


def in_jax(cell: str, length: int, hidden: int) -> Callable[[], Any]:
    """Return `UPDATES` updates in one call, compiled by the first."""
    jax = on_one_thread()
    train = jax_grid.compiled(cell, (length, hidden, UPDATES))
    key = jax.random.key(0)
    return lambda: jax.block_until_ready(train(key, 1e-3))


def several(advance: Callable[[], Any]) -> None:
    """Do as many updates of a run of bptt."""
    for _ in range(UPDATES):
        advance()


def row(cell: str, hidden: int, length: int, plan: Plan) -> dict[str, Any]:
    """Measure one size."""
    run = make_run(cell, hidden=hidden, length=length)
    run.advance()
    variants: dict[str, Callable[[], Any]] = {"bptt": partial(several, run.advance)}
    if is_installed():
        variants["jax"] = in_jax(cell, length, hidden)
    times = processor_times(variants, plan.rounds, plan.seconds)
    each = {name: [seconds / UPDATES for seconds in of] for name, of in times.items()}
    return {"cell": cell, "hidden": hidden, "length": length, "seconds": each}


def measure(plan: Plan) -> Found:
    """Measure every size."""
    prepare_thread()
    sizes = [(hidden, length) for hidden in plan.hidden for length in plan.lengths]
    return {"rows": [row(cell, *size, plan) for cell in plan.cells for size in sizes]}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Whole updates against JAX\n"
    yield (
        f"Processor time of one update (adding problem, batch {BATCH}, float32, Adam, clipping by "
        "global norm, one thread): drawing the batch, both passes, clipping, a step; and how many "
        f"times longer JAX takes, a function of {UPDATES} updates that is compiled before (inputs "
        "projected at once, a scan over time, data drawn inside by JAX's generator). "
        f"{plan.rounds} interleaved blocks.\n"
    )
    yield head("cell", "H", "T", "bptt, us", "JAX / bptt")
    for one in found["rows"]:
        times = one["seconds"]
        size = (one["cell"], one["hidden"], one["length"])
        yield table_row(*size, microseconds(times["bptt"]), against(times, "jax", "bptt"))


PART = Part("whole_updates", "performance", Plan(), measure, lines)
