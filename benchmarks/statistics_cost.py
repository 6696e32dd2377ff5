"""What the gradient statistics cost, compared with other ways to learn about gradients."""

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from benchmarks import panels
from benchmarks.cells import head, table_row
from benchmarks.interleaving import Update, by_turns, microseconds, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.plain_script import BATCH, LAYERS, updating
from benchmarks.updates import make_run, on_batches, torch_script
from bptt.figures import style
from bptt.training import TrainingRun, prepare_thread, train

STEPPERS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
OFF = {"bptt": "bptt", "update": "update", "loop": "loop", "script": "script"}
"""Without statistics: what each way of taking them is compared with."""
DEFAULT = "bptt default"


@dataclass(frozen=True)
class Plan:
    rounds: int = 3
    cells: tuple[str, ...] = ("rnn", "lstm", "gru")
    hidden: int = 32
    length: int = 100
    updates: int = 1000
    long_updates: int = 5000
    intervals: tuple[int, ...] = (10,)
    script_updates: int = 100
    log_freq: tuple[int, ...] = (100, 1)


class Loop(nn.Module):
    """A script's own loop over time, which can keep each state for its gradient."""

    def __init__(self, cell: str, hidden: int, keep: bool) -> None:
        super().__init__()
        self.cell = STEPPERS[cell](2, hidden)
        self.keep = keep
        self.states: list[Tensor] = []

    def forward(self, x: Tensor) -> tuple[list[Tensor], None]:
        self.states = []
        state = None
        for x_t in x:
            state = self.cell(x_t, state)
            h = state[0] if isinstance(state, tuple) else state
            if self.keep:
                h.retain_grad()
            self.states.append(h)
        return self.states, None

    def norms(self) -> list[float]:
        """Return norm(dL/dh_t) of every step of the last update."""
        gradients = torch.stack([h.grad for h in self.states])
        norms: list[float] = gradients.flatten(1).norm(dim=1).tolist()
        return norms


def own_loop(run: TrainingRun, keep: bool) -> Update:
    """Return one update of a script with a loop, with the norms of all states if they are kept."""
    torch.manual_seed(0)
    hidden = run.spec.model.hidden_size
    loop = Loop(run.spec.cell.name, hidden, keep)
    update = updating(loop, nn.Linear(hidden, 1))

    def with_norms(inputs: Tensor, targets: Tensor) -> float:
        loss = update(inputs, targets)
        loop.norms()
        return loss

    return on_batches(run, with_norms if keep else update)


def offline(ending: ExitStack) -> Any:
    """Return a Weights & Biases run that sends nothing anywhere; None if it is not installed."""
    if not importlib.util.find_spec("wandb"):
        return None
    import wandb

    folder = ending.enter_context(tempfile.TemporaryDirectory())
    os.environ |= {"WANDB_SILENT": "true", "WANDB_MODE": "offline"}
    # its `watch` knows one run of a process only
    logged = wandb.init(dir=folder, settings=wandb.Settings(console="off", x_disable_stats=True))
    ending.callback(logged.finish)
    return logged


def watched(run: TrainingRun, logged: Any, log_freq: int) -> Update:
    """Return one update of a script under `wandb.watch`."""
    torch.manual_seed(0)
    hidden = run.spec.model.hidden_size
    layer, read_out = LAYERS[run.spec.cell.name](2, hidden), nn.Linear(hidden, 1)
    logged.watch([layer, read_out], log="gradients", log_freq=log_freq)
    update = updating(layer, read_out)

    def with_log(inputs: Tensor, targets: Tensor) -> float:
        loss = update(inputs, targets)
        logged.log({"loss": loss})
        return loss

    return on_batches(run, with_log)


def repeat(update: Update, times: int) -> Callable[[], float]:
    """Return a function that makes this many updates and returns the processor time of one."""

    def block() -> float:
        began = time.process_time()
        for _ in range(times):
            update()
        return (time.process_time() - began) / times

    return block


def whole_run(cell: str, interval: int | None, plan: Plan) -> Callable[[], float]:
    """Return a function that trains a run of bptt and returns the processor time per update."""

    def block() -> float:
        sizes = {"hidden": plan.hidden, "length": plan.length, "steps": plan.updates}
        run = make_run(cell, interval=interval, **sizes)
        began = time.process_time()
        for _ in train(run):
            pass
        return (time.process_time() - began) / plan.updates

    return block


def measure(plan: Plan) -> Found:
    """Measure every way in alternation, for every cell."""
    prepare_thread()
    with ExitStack() as ending:
        logged = offline(ending)
        return {cell: _ways(cell, plan, logged) for cell in plan.cells}


def _ways(cell: str, plan: Plan, logged: Any) -> dict[str, list[float]]:
    """Return the seconds of an update in every way, block by block."""
    run = make_run(cell, hidden=plan.hidden, length=plan.length)
    blocks = {"bptt": whole_run(cell, 0, plan)}
    blocks[DEFAULT] = whole_run(cell, None, plan)
    long = replace(plan, updates=plan.long_updates)
    blocks[f"{DEFAULT}, {long.updates} updates"] = whole_run(cell, None, long)
    for interval in plan.intervals:
        blocks[f"bptt every {interval}"] = whole_run(cell, interval, plan)
    # a probe comes before the first update, and then no more
    normed = make_run(cell, hidden=plan.hidden, length=plan.length, interval=10_000_000)
    updates = {"update": run.advance, "update with norms": normed.advance}
    scripts = {"loop": own_loop(run, False), "loop retain_grad": own_loop(run, True)}
    scripts["script"] = torch_script(run)
    if logged:
        for freq in plan.log_freq:
            scripts[f"script watch {freq}"] = watched(run, logged, freq)
    blocks |= {name: repeat(update, plan.script_updates) for name, update in scripts.items()}
    blocks |= {name: repeat(update, plan.updates) for name, update in updates.items()}
    warm = whole_run(cell, 1, replace(plan, updates=2))
    for warm_up in (warm, *updates.values(), *scripts.values()):
        warm_up()
    seconds: dict[str, list[float]] = {name: [] for name in blocks}
    for number in range(plan.rounds):
        for name in by_turns(list(blocks), number):
            seconds[name].append(blocks[name]())
    return seconds


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Gradient statistics\n"
    yield (
        f"Processor time of one update (adding problem, T = {plan.length}, hidden {plan.hidden}, "
        f"batch {BATCH}), {plan.rounds} alternating blocks of each, denormals flushed. *Cost*: "
        "with statistics / without, for the same way of training; 1 is free.\n\n"
        f"- bptt, a run of {plan.updates} updates with the default statistics, or with a probe "
        "every n updates: norms of dL/ds_t of every state and step at every update, and at a probe "
        "all of [docs/statistics.md](statistics.md); Jacobians and Lyapunov exponents at the first "
        "and last, which a longer run spreads over more updates\n"
        "- update: a single update of bptt, without and with the norms of dL/ds_t of every "
        "state and step, in float64\n"
        "- a loop over `nn.*Cell` with `retain_grad` on every h_t: norms of dL/dh_t alone, at "
        "every update, in float32, which loses what has vanished\n"
        "- a script with torch's layer under `wandb.watch`, offline: histograms of the gradients "
        "of parameters every n updates, which say nothing about time; the processor time of "
        "its service is not counted\n\n"
        "The aim is 5 % for the norms alone and for the default. Where the table shows that it is "
        "missed, a run of a third of a second is too short for the cost: a probe takes 1 to 4 "
        "milliseconds, Jacobians 7 to 25, twice, mostly for QR decompositions step by step; "
        "and an rnn's kernel has no idle unit for adding up squares. Done: squares are added "
        "up while the backward pass has them in registers, and kept where it wrote them; a "
        "probe's passes do without autograd; Jacobians of one sequence give product, exponents "
        "and determinant from one frame; longer runs have 25 probes. Next: fewer probes in runs "
        "below 1,000 updates. A run pays less with a larger `statistics.interval` and "
        "`statistics.jacobian_interval`.\n"
    )
    yield head("cell", "way", "us", "cost", f"way / {DEFAULT}")
    for cell, seconds in found.items():
        for name, values in seconds.items():
            cost = "" if name in OFF else spread(ratios(values, seconds[OFF[name.split()[0]]]))
            own = (
                ""
                if name.startswith(("bptt", "update"))
                else spread(ratios(values, seconds[DEFAULT]))
            )
            yield table_row(cell, name, microseconds(values), cost, own)


def picture(plan: Plan, found: Found) -> Figure:
    """Draw the time of an update in each way, a panel for each cell."""
    figure = style.new_figure(4.2 * len(found), 4.4)
    row = figure.subplots(1, len(found), squeeze=False, sharey=True, sharex=True)[0]
    for axes, (cell, seconds) in zip(row, found.items(), strict=True):
        samples = {name: [1e3 * s for s in values] for name, values in seconds.items()}
        ways = [list(OFF).index(name.split()[0]) for name in samples]
        panels.rows(axes, samples, [style.COLOURS[way] for way in ways])
        panels.finish(axes, cell, "ms per update", "")
    figure.suptitle("Time of one update, without and with statistics", fontsize=13)
    return figure


PART = Part("statistics_cost", "performance", Plan(), measure, lines, picture)
