"""A whole grid, from the command to its last result, against the tools people use for it."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks import panels
from benchmarks.embedded import Embedded
from benchmarks.interleaving import digits, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.rival_grid import PARALLEL, RATES, SEEDS, points, text_of
from bptt.figures import style

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Plan:
    rounds: int = 2
    grids: tuple[str, ...] = ("rnn+gru",)
    length: int = 200
    hidden: int = 32
    updates: int = 300
    rivals: tuple[str, ...] = ("loop", "joblib", "ray")
    every: tuple[int, ...] = (8, 4, 4)


def run_rival(rival: str, every: int, cells: str, plan: Plan) -> dict[str, Any]:
    """Return the seconds, the runs and their last losses."""
    sizes = (plan.length, plan.hidden, plan.updates, every)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rival_grid", rival, cells, *map(str, sizes)],
        # bptt's part in it is to draw data and first weights, and needs no kernel
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


def run_bptt(stack: Embedded, cells: str, plan: Plan) -> dict[str, Any]:
    """Return the same for the grid through the queue, and the seconds until MLflow has it all."""
    names = cells.split("+")
    rates = f"[{', '.join(map(str, RATES))}]"
    cell = f"[{', '.join(f'{{name: {name}, biases: 2}}' for name in names)}]"
    text = text_of(cell, rates, (plan.length, plan.hidden, plan.updates))
    began = time.perf_counter()
    stack.submit(f"name: throughput\n{text}seeds: {SEEDS[len(names)]}\n", "--force")
    stack.wait()
    seconds = time.perf_counter() - began
    stack.wait_for_shipping()
    shipped = time.perf_counter() - began
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
        "runs": len(rows),
        "losses": [losses[point] for point in points(names)],
    }


def measure(plan: Plan) -> Found:
    """Train each grid with every rival by turns with bptt; the first grid of bptt warms up."""
    found: Found = {}
    rivals = dict(zip(plan.rivals, plan.every, strict=True))
    if not importlib.util.find_spec("ray"):
        rivals.pop("ray", None)
    with Embedded(PARALLEL) as stack:
        for cells in plan.grids:
            run_bptt(stack, cells, plan)
            found[cells] = {rival: [] for rival in rivals}
            for _ in range(plan.rounds):
                for rival, every in rivals.items():
                    theirs = run_rival(rival, every, cells, plan)
                    ours = run_bptt(stack, cells, plan)
                    # of the last update alone, up to 300 updates
                    pairs = zip(theirs.pop("losses"), ours.pop("losses")[::every], strict=True)
                    apart = statistics.median(abs(a - b) / abs(a) for a, b in pairs)
                    found[cells][rival].append({"rival": theirs, "bptt": ours, "apart": apart})
    return found


def per_minute(told: dict[str, float], clock: str = "seconds") -> float:
    """Return the throughput."""
    return 60 * told["runs"] / told[clock]


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield a table for each grid."""
    yield "## A whole grid\n"
    measured = {rival for by_rival in found.values() for rival in by_rival}
    shares = [
        f"{rival}: every {n}."
        for rival, n in zip(plan.rivals, plan.every, strict=True)
        if rival in measured
    ]
    yield (
        f"Adding problem, T = {plan.length}, hidden {plan.hidden}, {plan.updates} updates of 32 "
        f"sequences, {len(RATES)} learning rates and some seeds; {PARALLEL} runs at a time, except "
        f"in the loop. Runs per minute of wall clock, {plan.rounds} rounds, bptt after each rival. "
        "bptt: the whole grid from the command to the last result, with the default statistics, "
        "journals and checkpoints, and until MLflow has everything. Rivals do none of that, train "
        "as scripts usually run (denormals are not flushed), and of the runs every so many "
        f"({', '.join(shares)}), from when their processes are up. *Losses apart*: median relative "
        "distance of the last training loss.\n"
    )
    for cells, by_rival in found.items():
        all_rounds = [told["bptt"] for rounds in by_rival.values() for told in rounds]
        own = spread([per_minute(told) for told in all_rounds])
        sent = spread([per_minute(told, "shipped") for told in all_rounds])
        runs = all_rounds[0]["runs"]
        yield f"{cells.replace('+', ', ')}, {runs} runs: bptt trains {own} a minute,"
        yield f"{sent} with everything in MLflow.\n"
        yield "| rival | trained | runs a minute | bptt / rival | ... with MLflow | losses apart |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for rival, rounds in by_rival.items():
            theirs = [per_minute(told["rival"]) for told in rounds]
            columns = [str(rounds[0]["rival"]["runs"]), spread(theirs)]
            for clock in ("seconds", "shipped"):
                ours = [per_minute(told["bptt"], clock) for told in rounds]
                columns.append(spread(ratios(ours, theirs)))
            columns.append(digits(max(told["apart"] for told in rounds)))
            yield f"| {rival} | {' | '.join(columns)} |"
        yield ""


def picture(plan: Plan, found: Found) -> Figure:
    """Draw runs per minute, a panel for each grid."""
    figure = style.new_figure(9.4, 3.4)
    row = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (cells, by_rival) in zip(row, found.items(), strict=True):
        bars = {
            rival: [per_minute(told["rival"]) for told in rounds]
            for rival, rounds in by_rival.items()
        }
        told = [one["bptt"] for rounds in by_rival.values() for one in rounds]
        bars["bptt, in MLflow"] = [per_minute(one, "shipped") for one in told]
        bars["bptt"] = [per_minute(one) for one in told]
        for place, (name, values) in enumerate(bars.items()):
            middle = statistics.median(values)
            bar = [[middle - min(values)], [max(values) - middle]]
            colour = style.COLOURS[0 if name.startswith("bptt") else 1]
            axes.barh(place, middle, xerr=bar, color=colour, capsize=3)
        axes.set_yticks(range(len(bars)), list(bars))
        panels.finish(axes, cells.replace("+", ", "), "runs per minute", "")
    figure.suptitle("Throughput of a grid of small runs", fontsize=13)
    return figure


PART = Part("grid_throughput", "performance", Plan(), measure, lines, picture)
