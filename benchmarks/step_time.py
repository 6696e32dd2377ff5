"""One update of one run, against scripts and against what the processor could do at most."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure

from benchmarks import panels
from benchmarks.cells import head, table_row
from benchmarks.interleaving import Update, against, microseconds, processor_times, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.plain_script import BATCH, LAYERS
from benchmarks.torchrecurrent_layers import NEAREST, layer_of
from benchmarks.updates import make_run, script, torch_script, with_denormals
from bptt import registry
from bptt.figures import style
from bptt.training import TrainingRun, prepare_thread

SIDE = 1024
"""Of the matrices whose product is the measure of the processor."""


@dataclass(frozen=True)
class Plan:
    rounds: int = 5
    seconds: float = 0.15
    cells: tuple[str, ...] = ("rnn", "lstm", "gru")
    hidden: tuple[int, ...] = (32, 64, 128)
    lengths: tuple[int, ...] = (50, 200, 500)
    stranger_hidden: int = 64
    stranger_length: int = 200


def products(run: TrainingRun) -> float:
    """Return the operations of the products with the recurrent weights in one update."""
    weights = sum(
        block.numel()
        for layer in run.model.stack.each_layer()
        for cell in layer.by_direction().values()
        for block in cell.recurrent_weights.values()
    )
    return 6.0 * run.spec.training.batch_size * weights * float(run.spec.task.options["length"])


def row(cell: str, hidden: int, length: int, plan: Plan) -> dict[str, Any]:
    """Measure every variant of one size in alternation."""
    run = make_run(cell, hidden=hidden, length=length)
    run.advance()
    square = torch.randn(SIDE, SIDE)
    variants: dict[str, Update] = {"bptt": run.advance, "product": lambda: square @ square}
    if cell in LAYERS:
        variants["flushed"] = torch_script(run)
        variants["usual"] = with_denormals(torch_script(run))
    if stranger := layer_of(cell):
        torch.manual_seed(0)
        variants["torchrecurrent"] = with_denormals(script(run, stranger(2, hidden), hidden))
    return {
        "cell": cell,
        "hidden": hidden,
        "length": length,
        "backend": run.model.backend,
        "flops": products(run),
        "seconds": processor_times(variants, plan.rounds, plan.seconds),
    }


def measure(plan: Plan) -> Found:
    """Measure torch's cells at every size, and each other one that torchrecurrent has at one."""
    prepare_thread()
    found = [
        row(cell, hidden, length, plan)
        for cell in plan.cells
        for hidden in plan.hidden
        for length in plan.lengths
    ]
    others = [c for c in registry.discover("cell") if c not in LAYERS and layer_of(c)]
    size = plan.stranger_hidden, plan.stranger_length
    return {"rows": found + [row(cell, *size, plan) for cell in others]}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## One update\n"
    yield (
        f"Adding problem, batch {BATCH}, float32, Adam, clipping by global norm, one thread, "
        f"processor time, {plan.rounds} alternating blocks of each. How many times longer a script "
        "takes: with torch's own layer and denormals flushed, as in bptt; with torch's layer as "
        "scripts usually run; and with torchrecurrent's layer, as usual "
        f"({', '.join(f'{name} for {cell}' for cell, name in NEAREST.items())}, which it lacks). "
        "What denormals cost depends on how long gradients vanish: these are the first updates of "
        "a run.\n"
    )
    yield (
        "*Of the peak*: the products with the recurrent weights alone (6 B H G H T operations, G "
        f"gates) over the time of the whole update, relative to a product of two {SIDE} x {SIDE} "
        "matrices on the same thread. An update also draws data, reads out, clips and runs the "
        "optimiser.\n"
    )
    yield head(
        *("cell, H, T", "backend", "bptt, us", "flushed / bptt", "usual / bptt"),
        *("torchrecurrent / bptt", "of the peak, bptt", "... torch, flushed"),
    )
    for one in found["rows"]:
        seconds = one["seconds"]
        columns = [microseconds(seconds["bptt"])]
        for name in ("flushed", "usual", "torchrecurrent"):
            columns.append(against(seconds, name, "bptt"))
        columns += [_percent(share(one, name)) for name in ("bptt", "flushed")]
        size = f"{one['cell']} {one['hidden']} {one['length']}"
        yield table_row(size, one["backend"], *columns)


def share(one: dict[str, Any], name: str) -> list[float]:
    """Return the share of the processor's peak, block by block; empty if not measured."""
    seconds = one["seconds"]
    peaks = [2 * SIDE**3 / s for s in seconds["product"]]
    return [one["flops"] / s / p for s, p in zip(seconds.get(name, []), peaks, strict=False)]


def _percent(shares: list[float]) -> str:
    return f"{spread([100 * value for value in shares])} %" if any(shares) else ""


def picture(plan: Plan, found: Found) -> Figure:
    """Draw ratios above and shares of the peak below, a column for each cell."""
    figure = style.new_figure(4.2 * len(plan.cells), 7.4)
    grid = figure.subplots(2, len(plan.cells), squeeze=False, sharex=True, sharey="row")
    for column, cell in enumerate(plan.cells):
        above, below = grid[:, column]
        for colour, hidden in enumerate(plan.hidden):
            rows = [r for r in found["rows"] if (r["cell"], r["hidden"]) == (cell, hidden)]
            for dash, name in enumerate(("flushed", "usual")):
                samples = [ratios(r["seconds"][name], r["seconds"]["bptt"]) for r in rows]
                label = f"H = {hidden}, {name} script"
                panels.line(above, plan.lengths, samples, label, colour, dash)
            shares = [[100 * value for value in share(r, "bptt")] for r in rows]
            panels.line(below, plan.lengths, shares, f"H = {hidden}", colour)
        above.axhline(1.0, color="0.4", linewidth=1.0)
        panels.logarithmic_across(below, plan.lengths)
        panels.finish(above, cell, "", "script / bptt" if column == 0 else "")
        panels.finish(below, "", "T (steps)", "% of the peak" if column == 0 else "")
    # what all columns share
    panels.logarithmic_up(grid[0][0])
    grid[1][0].set_ylim(0, None)
    panels.legend(figure, grid[0][0])
    figure.suptitle("Time of one update: how many times longer a script takes", fontsize=13)
    return figure


PART = Part("step_time", "performance", Plan(), measure, lines, picture)
