"""One run through the queue, against the same training in a bare loop and a plain script."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import panels
from benchmarks.cells import head, table_row
from benchmarks.embedded import Embedded
from benchmarks.interleaving import by_turns, digits, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.plain_script import BATCH
from bptt.figures import style

ROOT = Path(__file__).parent.parent
SHARE, CONSTANT = 1.05, 0.3
"""The aim: so many times the bare loop, and so many seconds."""
WHO = ("queue", "bare", "script")
TEXT = """
task: {{name: adding, length: {length}}}
cell: {{name: {cell}, biases: 2}}
clipper: {{name: global_norm, max_norm: 1.0}}
model: {{hidden_size: {hidden}}}
optimizer: {{name: adam, lr: 1e-3}}
training:
  {{steps: {updates}, batch_size: {batch}, evaluate_every: {updates}, evaluation_size: 32,
    stop_when_solved: false}}
statistics: {{interval: 0}}
seed: {seed}
"""
BARE = """
import json, sys, time
from bptt.run_file import read_run_file
from bptt.training import TrainingRun, train
run = TrainingRun(read_run_file(sys.argv[1]).spec)
began = time.perf_counter()
for _ in train(run):
    pass
print(json.dumps({"seconds": time.perf_counter() - began}))
"""


@dataclass(frozen=True)
class Plan:
    rounds: int = 4
    cell: str = "lstm"
    hidden: int = 32
    length: int = 100
    updates: tuple[int, ...] = (200, 1000)


def process(*arguments: str) -> dict[str, float]:
    """Run Python; return the seconds of the whole process and of its training."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True, cwd=ROOT
    )
    whole = time.perf_counter() - began
    return {"whole": whole, "training": json.loads(done.stdout.splitlines()[-1])["seconds"]}


def queued(stack: Embedded, text: str) -> dict[str, float]:
    """Return the seconds from the command, and from the commit of the grid, to the run's end."""
    stack.rest()
    began = time.time()
    stack.submit(text)
    stack.wait()
    ((created, finished),) = stack.query(
        "SELECT g.created_at, r.finished_at FROM runs r JOIN grids g ON g.id = r.grid_id "
        "ORDER BY r.seq DESC LIMIT 1"
    )
    return {"whole": finished - began, "training": finished - created}


def one(stack: Embedded, who: str, plan: Plan, updates: int, seed: int) -> dict[str, float]:
    """Train one run in one of the three ways; return its seconds."""
    sizes = {"cell": plan.cell, "hidden": plan.hidden, "length": plan.length, "updates": updates}
    text = TEXT.format(**sizes, batch=BATCH, seed=seed)
    if who == "queue":
        return queued(stack, text)
    if who == "script":
        return process("benchmarks/plain_script.py", *map(str, sizes.values()), str(seed))
    file = stack.folder / "bare.yaml"
    file.write_text(text)
    return process("-c", BARE, str(file))


def measure(plan: Plan) -> Found:
    """Measure each length of run in alternation, after a warm-up round that is discarded."""
    found: Found = {
        str(updates): {who: {"whole": [], "training": []} for who in WHO}
        for updates in plan.updates
    }
    with Embedded() as stack:
        for who in WHO:
            one(stack, who, plan, plan.updates[0], plan.rounds)
        for number in range(plan.rounds):
            for updates in plan.updates:
                for who in by_turns(WHO, number):
                    told = one(stack, who, plan, updates, number)
                    for name, seconds in told.items():
                        found[str(updates)][who][name].append(seconds)
    return found


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## One run through the queue\n"
    yield (
        f"{plan.cell}, adding problem, T = {plan.length}, hidden {plan.hidden}, batch {BATCH}, no "
        f"statistics; a warm `bptt up`, nothing else queued; {plan.rounds} alternating rounds, "
        "wall clock. *Without the start*: from the commit of the grid to the end of the run in the "
        "database, including checkpoints; the bare loop over `train(run)`, and a plain script's "
        "loop, without Python's imports. *Whole*: from the command `bptt submit` to the end of "
        "the run; the whole process of the others.\n"
    )
    yield head(
        *("updates", "bare, s", "queue / bare", "script / queue"),
        *("whole: bare / queue", "script / queue"),
    )
    for updates, by in found.items():
        queue, bare, script = (by[who] for who in WHO)
        columns = [
            digits(statistics.median(bare["training"])),
            spread(ratios(queue["training"], bare["training"])),
            spread(ratios(script["training"], queue["training"])),
            spread(ratios(bare["whole"], queue["whole"])),
            spread(ratios(script["whole"], queue["whole"])),
        ]
        yield table_row(updates, *columns)
    if len(plan.updates) > 1:
        shares, constants = split(plan, found)
        yield (
            "\nFrom the shortest and the longest run of each round: the queue takes "
            f"{spread(shares)} times the bare loop (aim: at most {SHARE}) and "
            f"{spread(constants)} s on top (aim: at most {CONSTANT}). Of these, up to 0.04 s "
            "pass until a worker sees what `bptt submit` wrote, 0.02 until the run's process "
            "starts, 0.05 until its model is built, and the rest goes into syncing files to disk. "
            "With PostgreSQL a token has to be sent: 0.2 s more for `bptt submit` to import "
            "what sends it. Next: send it without importing Celery."
        )


def split(plan: Plan, found: Found) -> tuple[list[float], list[float]]:
    """Return what the queue adds in proportion to the bare loop, and what it adds to each run."""
    short, long = (found[str(updates)] for updates in (plan.updates[0], plan.updates[-1]))
    shares, constants = [], []
    for q1, q2, b1, b2 in zip(
        *(short["queue"]["training"], long["queue"]["training"]),
        *(short["bare"]["training"], long["bare"]["training"]),
        strict=True,
    ):
        shares.append((q2 - q1) / (b2 - b1))
        constants.append(q1 - shares[-1] * b1)
    return shares, constants


def picture(plan: Plan, found: Found) -> Figure:
    """Draw, for each length of run, training and what comes on top."""
    figure = style.new_figure(11.4, 3.6)
    row = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    names = {"queue": "bptt submit", "bare": "bare loop of bptt", "script": "plain script"}
    for axes, (updates, by) in zip(row, found.items(), strict=True):
        for place, who in enumerate(WHO):
            training, whole = (statistics.median(by[who][k]) for k in ("training", "whole"))
            axes.barh(place, training, color=style.COLOURS[0], label="without the start")
            axes.barh(place, whole - training, left=training, color=style.COLOURS[5], label="start")
        axes.set_yticks(range(len(WHO)), [names[who] for who in WHO])
        panels.finish(axes, f"{updates} updates", "seconds", "")
    row[0].invert_yaxis()
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(
        handles[:2], labels[:2], loc="outside lower center", ncols=2, frameon=False, fontsize=11
    )
    figure.suptitle("One run", fontsize=13)
    return figure


PART = Part("one_run", "performance", Plan(), measure, lines, picture)
