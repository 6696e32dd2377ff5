"""A grid of tiny runs, everything recorded and in MLflow, against one vmapped call of JAX."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import grid_throughput, jax_grid
from benchmarks.embedded import Embedded
from benchmarks.grid_throughput import per_run, run_bptt, run_rival
from benchmarks.interleaving import by_turns, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.rival_grid import PARALLEL, RATES, SEEDS

WORDS = {
    "vmap": "all runs in one vmapped, compiled call",
    "jax": f"joblib, {PARALLEL} processes, a compiled function for each run",
}


@dataclass(frozen=True)
class Plan:
    rounds: int = 2
    cells: str = "rnn"
    length: int = 50
    hidden: int = 32
    updates: int = 600
    rivals: tuple[str, ...] = ("vmap", "jax")


def measure(plan: Plan) -> Found:
    """Train the grid with bptt and with every rival in alternation."""
    sizes = grid_throughput.Plan(length=plan.length, hidden=plan.hidden, updates=plan.updates)
    rivals = plan.rivals if jax_grid.is_installed() else ()
    found: Found = {name: [] for name in ("bptt", *rivals)}
    with Embedded(PARALLEL) as stack:
        # what a worker and MLflow do once
        run_bptt(stack, plan.cells, replace(sizes, length=10, updates=10), seeds=1)
        for number in range(plan.rounds):
            for name in by_turns(list(found), number):
                if name == "bptt":
                    seeds = SEEDS[len(plan.cells.split("+"))]
                    told = run_bptt(stack, plan.cells, sizes, seeds)
                else:
                    told = run_rival(name, 1, plan.cells, sizes)
                found[name].append(told)
    return found


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    ours: list[dict[str, Any]] = found["bptt"]
    yield "## A grid of tiny runs\n"
    yield (
        f"{plan.cells.replace('+', ', ')}, adding problem, T = {plan.length}, hidden "
        f"{plan.hidden}, {plan.updates} updates of 32 sequences, {len(RATES)} learning rates and "
        f"some seeds: {ours[0]['runs']} runs; {plan.rounds} alternating rounds. bptt: from the "
        "command to the last result, with the default statistics, journals, tests and weights, and "
        "until MLflow has everything. JAX trains, in float32, and records nothing but the last "
        "loss; its compiling counts, its start does not. *Processor*: seconds per run, for "
        "everything in bptt until MLflow has it and the grid is drawn.\n"
    )
    yield (
        "| | s | rival / bptt, trained | rival / bptt, in MLflow | processor, s | rival / bptt |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    trained = [told["seconds"] for told in ours]
    shipped = [told["shipped"] for told in ours]
    used = per_run(ours)
    yield f"| bptt, trained | {spread(trained)} | | | | |"
    yield f"| bptt, in MLflow | {spread(shipped)} | | | {spread(used)} | |"
    for rival, theirs in list(found.items())[1:]:
        seconds = [told["seconds"] for told in theirs]
        columns = [spread(seconds), spread(ratios(seconds, trained))]
        columns += [spread(ratios(seconds, shipped)), spread(per_run(theirs))]
        columns.append(spread(ratios(per_run(theirs), used)))
        yield f"| JAX, {WORDS[rival]} | {' | '.join(columns)} |"


PART = Part("tiny_grid", "performance", Plan(), measure, lines)
