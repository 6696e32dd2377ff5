"""Grids of small runs, everything recorded and in MLflow, next to what JAX trains."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import grid_throughput, jax_cells
from benchmarks.cells import head, table_row
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
    grids: tuple[str, ...] = ("rnn:50", "rnn+gru:200")
    hidden: int = 32
    updates: int = 600
    rivals: tuple[str, ...] = ("vmap", "jax")


def measure(plan: Plan) -> Found:
    """Train each grid with bptt and with every rival in alternation."""
    rivals = plan.rivals if jax_cells.is_installed() else ()
    found: Found = {}
    with Embedded(PARALLEL) as stack:
        for grid in plan.grids:
            cells, sizes = _grid(grid, plan)
            # what a worker and MLflow do once
            run_bptt(stack, cells, replace(sizes, length=10, updates=10), seeds=1)
            found[grid] = {name: [] for name in ("bptt", *rivals)}
            for number in range(plan.rounds):
                for name in by_turns(list(found[grid]), number):
                    if name == "bptt":
                        told = run_bptt(stack, cells, sizes, SEEDS[len(cells.split("+"))])
                    else:
                        told = run_rival(name, 1, cells, sizes)
                    found[grid][name].append(told)
    return found


def _grid(grid: str, plan: Plan) -> tuple[str, grid_throughput.Plan]:
    """Return the cells and the sizes of a grid written as `rnn+gru:200`."""
    cells, _, length = grid.partition(":")
    sizes = grid_throughput.Plan(length=int(length), hidden=plan.hidden, updates=plan.updates)
    return cells, sizes


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield a table for each grid."""
    yield "## Grids of small runs next to JAX\n"
    yield (
        f"Adding problem, hidden {plan.hidden}, {plan.updates} updates of 32 sequences, "
        f"{len(RATES)} learning rates and some seeds; {plan.rounds} alternating rounds. bptt: "
        f"{PARALLEL} runs at a time, from the command to the last result, with the default "
        "statistics, journals, tests and weights, and until MLflow has everything. JAX trains, in "
        "float32, and records nothing but the last loss: all updates of a run are one scan in a "
        "compiled call. Compiling, which a user waits for in every new process, counts; starting "
        "Python and importing JAX do not. "
        "*Processor*: seconds per run, for everything in bptt until MLflow has it and the grid is "
        "drawn.\n"
    )
    for grid, by_who in found.items():
        cells, sizes = _grid(grid, plan)
        ours: list[dict[str, Any]] = by_who["bptt"]
        yield f"{cells.replace('+', ', ')}, T = {sizes.length}, {ours[0]['runs']} runs:\n"
        yield head(
            *("", "s", "rival / bptt, trained", "rival / bptt, in MLflow"),
            *("processor, s", "rival / bptt"),
        )
        trained = [told["seconds"] for told in ours]
        shipped = [told["shipped"] for told in ours]
        used = per_run(ours)
        yield table_row("bptt, trained", spread(trained), "", "", "", "")
        yield table_row("bptt, in MLflow", spread(shipped), "", "", spread(used), "")
        for rival, theirs in list(by_who.items())[1:]:
            seconds = [told["seconds"] for told in theirs]
            columns = [spread(seconds), spread(ratios(seconds, trained))]
            columns += [spread(ratios(seconds, shipped)), spread(per_run(theirs))]
            columns.append(spread(ratios(per_run(theirs), used)))
            yield table_row(f"JAX, {WORDS[rival]}", *columns)
        yield ""
    yield (
        "The aim is 1 for one vmapped call and T = 50, 2 for joblib. Processor time says what the "
        "work costs where something else keeps the machine busy: what sends to MLflow and draws "
        "waits for everybody else then. Done: no pictures of single runs, one transaction for "
        "each run in MLflow, plugins before the fork. Next: 15 syncs to the disk for each run."
    )


PART = Part("tiny_grid", "performance", Plan(), measure, lines)
