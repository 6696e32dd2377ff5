"""What the queue costs: small runs through it against plain scripts, latency, and idling."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import panels
from benchmarks.cells import head, table_row
from benchmarks.embedded import Embedded
from benchmarks.interleaving import digits, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.plain_script import BATCH
from bptt.figures import style
from tests.faults.queue import witness

SLOTS = 2
SCRIPT = Path(__file__).parent / "plain_script.py"
GRID = """
task: {{name: adding, length: {length}}}
cell: {{name: lstm, biases: 2}}
clipper: {clipper}
model: {{hidden_size: {hidden}}}
optimizer: {{name: adam, lr: 1e-3}}
training:
  {{steps: {updates}, batch_size: {batch}, evaluate_every: {updates}, evaluation_size: 32,
    stop_when_solved: false}}
seeds: [{seeds}]
"""


@dataclass(frozen=True)
class Plan:
    rounds: int = 3
    runs: int = 16
    updates: int = 100
    length: int = 20
    hidden: int = 16
    latencies: int = 10
    idle_seconds: int = 30


def grid(plan: Plan, seeds: range, clipper: str) -> str:
    """Return the text of a grid."""
    return GRID.format(
        **{"length": plan.length, "hidden": plan.hidden, "updates": plan.updates, "batch": BATCH},
        **{"clipper": clipper, "seeds": ", ".join(map(str, seeds))},
    )


def through_the_queue(stack: Embedded, number: int, plan: Plan) -> float:
    """Return the seconds from the command to the end of the last run."""
    first = number * plan.runs
    text = grid(plan, range(first, first + plan.runs), "{name: global_norm, max_norm: 1.0}")
    began = time.perf_counter()
    stack.submit(text)
    stack.wait()
    return time.perf_counter() - began


def as_plain_scripts(plan: Plan) -> float:
    """Return the wall seconds of equally many scripts, equally many at a time."""

    def script(seed: int) -> None:
        sizes = (plan.hidden, plan.length, plan.updates, seed)
        command = [sys.executable, str(SCRIPT), "lstm", *map(str, sizes)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    began = time.perf_counter()
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(script, range(plan.runs)))
    return time.perf_counter() - began


def latencies(stack: Embedded, plan: Plan) -> list[float]:
    """Return, for single runs, the seconds from the commit of the grid to the first update."""
    found = []
    log = stack.folder / "witness"
    for number in range(plan.latencies):
        clipper = f"{{name: witnessed, folder: {log}}}"
        stack.submit(grid(plan, range(number, number + 1), clipper))
        stack.wait()
        ((run_id, created),) = stack.query(
            "SELECT id, created_at FROM runs ORDER BY seq DESC LIMIT 1"
        )
        found.append(witness.read(log)[str(run_id)][0].at - created)
        stack.wait_for_shipping()
    return found


def measure(plan: Plan) -> Found:
    """Measure grids and scripts in alternation, then latency, then idling."""
    queue, scripts = [], []
    with Embedded(SLOTS) as stack:
        through_the_queue(stack, 0, plan)
        for number in range(1, plan.rounds + 1):
            stack.rest()
            scripts.append(as_plain_scripts(plan))
            queue.append(through_the_queue(stack, number, plan))
        stack.rest()
        starts = latencies(stack, plan)
        stack.rest()
        before = stack.processor_seconds()
        time.sleep(plan.idle_seconds)
        idle = (stack.processor_seconds() - before) / plan.idle_seconds
    return {"queue": queue, "scripts": scripts, "latencies": starts, "idle": idle}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Small runs, latency, idling\n"
    yield (
        f"{plan.runs} runs of an LSTM (adding problem, T = {plan.length}, hidden {plan.hidden}, "
        f"{plan.updates} updates) on {SLOTS} slots, from `bptt submit` to the end of the last one, "
        f"against {plan.runs} plain scripts, {SLOTS} at a time, each started separately; "
        f"{plan.rounds} alternating pairs.\n"
    )
    yield head("", "", "at most")
    took = spread(ratios(found["scripts"], found["queue"]))
    yield table_row("scripts / queue, wall clock", took, "")
    yield table_row("the grid through the queue, s", spread(found["queue"]), "")
    latency = "from the commit of a grid of one run to its first update, warm, s"
    yield table_row(latency, spread(found["latencies"]), "0.2")
    idle = digits(100 * found["idle"])
    yield table_row("processor time of the whole stack while idle, % of a core", idle, "1")


def picture(plan: Plan, found: Found) -> Figure:
    """Draw the seconds of the grid both ways, and of each latency."""
    figure = style.new_figure(9.4, 3.2)
    left, right = figure.subplots(1, 2)
    for place, values in enumerate((found["scripts"], found["queue"])):
        middle = statistics.median(values)
        bar = [[middle - min(values)], [max(values) - middle]]
        left.barh(place, middle, xerr=bar, color=style.COLOURS[1 - place], capsize=3)
    left.set_yticks([0, 1], ["scripts", "bptt submit"], fontsize=11)
    panels.finish(left, f"{plan.runs} small runs", "seconds", "")
    right.plot(sorted(found["latencies"]), marker="o", linestyle="none", color=style.COLOURS[0])
    right.axhline(0.2, color="0.4", linestyle="--")
    right.text(0, 0.2, "at most", verticalalignment="bottom", fontsize=10)
    right.set_xticks([])
    right.set_ylim(0, None)
    panels.finish(right, "commit to first update", "single runs, sorted", "seconds")
    return figure


PART = Part("queue_overhead", "performance", Plan(), measure, lines, picture)
