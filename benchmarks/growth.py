"""How the time of an update grows with the length, the width, the layers and the batch."""

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from benchmarks import panels
from benchmarks.cells import head, table_row
from benchmarks.interleaving import Update, digits, processor_times, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.updates import make_run, torch_script
from bptt.figures import style
from bptt.training import prepare_thread

AXES = {
    "length": "T (steps)",
    "hidden": "H (units)",
    "layers": "layers",
    "batch": "B (sequences)",
}


@dataclass(frozen=True)
class Plan:
    rounds: int = 5
    seconds: float = 0.05
    cells: tuple[str, ...] = ("lstm", "gru")
    length: tuple[int, ...] = (25, 50, 100, 200, 400, 800)
    hidden: tuple[int, ...] = (16, 32, 64, 128, 256)
    layers: tuple[int, ...] = (1, 2, 4)
    batch: tuple[int, ...] = (8, 16, 32, 64, 128)
    at_length: int = 100
    at_hidden: int = 64


def along(cell: str, axis: str, plan: Plan) -> list[dict[str, list[float]]]:
    """Return the seconds of bptt and of a script at each value of one axis, in alternation."""
    values = getattr(plan, axis)
    variants: dict[str, Update] = {}
    for value in values:
        sizes = {"length": plan.at_length, "hidden": plan.at_hidden, axis: value}
        run = make_run(cell, **sizes)
        run.advance()
        variants[f"bptt {value}"] = run.advance
        variants[f"script {value}"] = torch_script(run)
    found = processor_times(variants, plan.rounds, plan.seconds)
    return [{who: found[f"{who} {value}"] for who in ("bptt", "script")} for value in values]


def measure(plan: Plan) -> Found:
    """Measure along every axis, for every cell."""
    prepare_thread()
    return {cell: {axis: along(cell, axis, plan) for axis in AXES} for cell in plan.cells}


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Growth with the size\n"
    yield (
        f"Processor time of one update (adding problem, T = {plan.at_length}, hidden "
        f"{plan.at_hidden}, one layer, batch 32 except along its own axis), all sizes of an axis "
        f"in alternation, {plan.rounds} blocks of each; denormals flushed in both. *Exponent*: of "
        "the last step along the axis; 1 means proportional time.\n"
    )
    yield head("cell", "axis", "bptt, us", "exponent", "script / bptt")
    for cell, axes in found.items():
        for axis, points in axes.items():
            values = getattr(plan, axis)
            middle = [statistics.median(point["bptt"]) for point in points]
            times = ", ".join(
                f"{v}: {digits(1e6 * m)}" for v, m in zip(values, middle, strict=True)
            )
            exponent = ""
            if len(points) > 1:
                step = math.log(values[-1] / values[-2])
                last = ratios(points[-1]["bptt"], points[-2]["bptt"])
                exponent = spread([math.log(ratio) / step for ratio in last])
            against = "; ".join(
                f"{v}: {spread(ratios(point['script'], point['bptt']))}"
                for v, point in zip(values, points, strict=True)
            )
            yield table_row(cell, AXES[axis], times, exponent, against)


def picture(plan: Plan, found: Found) -> Figure:
    """Draw time over size on two logarithmic scales, a panel for each axis."""
    figure = style.new_figure(12.6, 4.6)
    row = figure.subplots(1, len(AXES), sharey=True)
    for axes, (axis, name) in zip(row, AXES.items(), strict=True):
        values = getattr(plan, axis)
        for colour, (cell, points) in enumerate((c, found[c][axis]) for c in plan.cells):
            for dash, who in enumerate(("bptt", "script")):
                samples = [[1e3 * s for s in point[who]] for point in points]
                panels.line(axes, values, samples, f"{cell}, {who}", colour, dash)
        panels.logarithmic_across(axes, values)
        panels.finish(axes, "", name, "ms per update" if axes is row[0] else "")
    panels.logarithmic_up(row[0])
    panels.legend(figure, row[0])
    figure.suptitle("Time of one update by size", fontsize=13)
    return figure


PART = Part("growth", "performance", Plan(), measure, lines, picture)
