"""A whole grid, from the command to its last result, against the tools people use for it."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks import panels
from benchmarks.cells import head, table_row
from benchmarks.embedded import Embedded
from benchmarks.interleaving import by_turns, digits, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.rival_grid import PARALLEL, RATES, SEEDS, points, text_of
from bptt.figures import style

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Plan:
    rounds: int = 2
    grids: tuple[str, ...] = ("rnn+gru", "rnn+gru+lstm")
    length: int = 200
    hidden: int = 32
    updates: int = 600
    rivals: tuple[str, ...] = ("loop", "joblib", "ray")
    every: tuple[int, ...] = (16, 16, 16)


def run_rival(rival: str, every: int, cells: str, plan: Plan) -> dict[str, Any]:
    """Return the seconds, the runs and their last losses."""
    sizes = (plan.length, plan.hidden, plan.updates, every)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rival_grid", rival, cells, *map(str, sizes)],
        # bptt only draws data and initial weights here, which needs no kernel
        env={
            **os.environ,
            **{"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "BPTT_BACKEND": "autograd"},
        },
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"runs": len(found["losses"])}


def run_bptt(stack: Embedded, cells: str, plan: Plan, seeds: int) -> dict[str, Any]:
    """Return the same for the grid through the queue, and the seconds until MLflow has it all."""
    names = cells.split("+")
    rates = f"[{', '.join(map(str, RATES))}]"
    cell = f"[{', '.join(f'{{name: {name}, biases: 2}}' for name in names)}]"
    text = text_of(cell, rates, (plan.length, plan.hidden, plan.updates))
    used, began = stack.processor_seconds(), time.perf_counter()
    stack.submit(f"name: throughput\n{text}seeds: {seeds}\n", "--force")
    stack.wait()
    seconds = time.perf_counter() - began
    stack.wait_for_shipping()
    shipped = time.perf_counter() - began
    stack.rest()
    used = stack.processor_seconds() - used
    rows = stack.query(
        "SELECT c.spec, r.seed, r.result FROM runs r JOIN configurations c "
        "ON c.id = r.configuration_id JOIN grids g ON g.id = r.grid_id "
        "WHERE g.seq = (SELECT max(seq) FROM grids)"
    )
    losses = {}
    for spec, seed, result in rows:
        spec, result = json.loads(str(spec)), json.loads(str(result))
        key = (spec["cell"]["name"], spec["optimizer"]["lr"], seed)
        losses[key] = result["metrics"]["train/loss"]
    return {
        "seconds": seconds,
        "shipped": shipped,
        "processor": used,
        "runs": len(rows),
        "losses": [losses[point] for point in points(names) if point in losses],
    }


def measure(plan: Plan) -> Found:
    """Train each grid with bptt and with every rival in alternation."""
    found: Found = {}
    rivals = dict(zip(plan.rivals, plan.every, strict=True))
    if not importlib.util.find_spec("ray"):
        rivals.pop("ray", None)
    with Embedded(PARALLEL) as stack:
        for cells in plan.grids:
            # what a worker and MLflow do once
            run_bptt(stack, cells, replace(plan, length=10, updates=10), seeds=1)
            found[cells] = {name: [] for name in ("bptt", *rivals)}
            for number in range(plan.rounds):
                for name in by_turns(list(found[cells]), number):
                    if name == "bptt":
                        told = run_bptt(stack, cells, plan, SEEDS[len(cells.split("+"))])
                    else:
                        told = run_rival(name, rivals[name], cells, plan)
                    found[cells][name].append(told)
    return found


def apart(ours: dict[str, Any], theirs: dict[str, Any], every: int) -> float:
    """Return the median relative distance of the losses of the last log line.

    Args:
        ours: of the whole grid.
        theirs: of every so many of its runs.
        every: how many.
    """
    pairs = zip(ours["losses"][::every], theirs["losses"], strict=True)
    return statistics.median(abs(a - b) / abs(b) for a, b in pairs)


def per_minute(told: dict[str, float], clock: str = "seconds") -> float:
    """Return the throughput."""
    return 60 * told["runs"] / told[clock]


def per_run(told: list[dict[str, Any]]) -> list[float]:
    """Return the processor seconds per run, for every round."""
    return [one["processor"] / one["runs"] for one in told]


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield a table for each grid."""
    yield "## A whole grid\n"
    measured = {name for by_who in found.values() for name in by_who}
    shares = [
        f"{rival} 1 of {n}"
        for rival, n in zip(plan.rivals, plan.every, strict=True)
        if rival in measured
    ]
    yield (
        f"Adding problem, T = {plan.length}, hidden {plan.hidden}, {plan.updates} updates of 32 "
        f"sequences, {len(RATES)} learning rates and some seeds; {PARALLEL} runs at a time, except "
        f"in the loop. Runs per minute of wall clock, {plan.rounds} alternating rounds. "
        "bptt: the whole grid from the command to the last result, with the default statistics, "
        "journals and checkpoints, and until MLflow has everything. Rivals do none of that, run "
        "like usual scripts (denormals are not flushed), and train some of the runs, spread evenly "
        f"({', '.join(shares)}), from when their processes are up. *Losses apart*: median relative "
        "distance of the training loss in the last log line, of which 6 digits are kept. "
        "*Processor*: seconds per run, for everything in bptt until MLflow has it and the grid is "
        "drawn, excluding the command; for rivals only their training.\n"
    )
    every = dict(zip(plan.rivals, plan.every, strict=True))
    for cells, by_who in found.items():
        ours = by_who["bptt"]
        own = spread([per_minute(told) for told in ours])
        sent = spread([per_minute(told, "shipped") for told in ours])
        yield f"{cells.replace('+', ', ')}, {ours[0]['runs']} runs: bptt trains {own} a minute,"
        yield f"{sent} with everything in MLflow.\n"
        used = per_run(ours)
        yield head(
            *("rival", "trained", "runs a minute", "bptt / rival", "... with MLflow"),
            *("losses apart", "processor, s", "rival / bptt"),
        )
        yield table_row("bptt", ours[0]["runs"], own, "", "", "", spread(used), "")
        for rival, theirs in list(by_who.items())[1:]:
            rates = [per_minute(told) for told in theirs]
            columns = [str(theirs[0]["runs"]), spread(rates)]
            for clock in ("seconds", "shipped"):
                columns.append(spread(ratios([per_minute(told, clock) for told in ours], rates)))
            pairs = zip(ours, theirs, strict=True)
            columns.append(digits(max(apart(*pair, every[rival]) for pair in pairs)))
            columns += [spread(per_run(theirs)), spread(ratios(per_run(theirs), used))]
            yield table_row(rival, *columns)
        yield ""
    yield (
        "The aim is 10 times each rival's throughput for rnn and gru, 5 times for the mixed grid. "
        "Until MLflow has everything it takes longer because of work that rivals do not do. When "
        "this was measured that was some 0.15 s of processor time per run to draw three pictures, "
        "which are now drawn when somebody looks, and 0.1 s to store its points, which are now "
        "one transaction."
    )


def picture(plan: Plan, found: Found) -> Figure:
    """Draw runs per minute, a panel for each grid."""
    figure = style.new_figure(9.4, 3.4)
    row = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (cells, by_who) in zip(row, found.items(), strict=True):
        samples = {name: [per_minute(told) for told in rounds] for name, rounds in by_who.items()}
        samples["bptt, in MLflow"] = [per_minute(told, "shipped") for told in by_who["bptt"]]
        colours = [style.COLOURS[0 if name.startswith("bptt") else 1] for name in samples]
        panels.rows(axes, samples, colours)
        panels.finish(axes, cells.replace("+", ", "), "runs per minute", "")
    figure.suptitle("Throughput of a grid of small runs", fontsize=13)
    return figure


PART = Part("grid_throughput", "performance", Plan(), measure, lines, picture)
