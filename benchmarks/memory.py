"""How much memory the process of a run takes beyond what it has before building one."""

import multiprocessing
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import panels
from benchmarks.cells import head, table_row
from benchmarks.interleaving import by_turns, digits, ratios, spread
from benchmarks.part import Found, Part
from benchmarks.updates import make_run, torch_script
from bptt.figures import style
from bptt.training import prepare_thread

AXES = {
    "length": "T (steps)",
    "hidden": "H (units)",
    "batch": "B (sequences)",
    "runs": "runs in one process",
}
WHO = ("bptt", "statistics", "script")
UPDATES = 3


@dataclass(frozen=True)
class Plan:
    rounds: int = 2
    cell: str = "lstm"
    length: tuple[int, ...] = (50, 200, 800)
    hidden: tuple[int, ...] = (32, 64, 128, 256)
    batch: tuple[int, ...] = (8, 32, 128, 512)
    runs: tuple[int, ...] = (1, 4, 16)
    at_length: int = 200
    at_hidden: int = 64


def grow(who: str, cell: str, runs: int, sizes: dict[str, int], told: Connection) -> None:
    """Train a few updates of each run in alternation; report the process's largest growth in bytes.

    It is forked from one that has imported torch, like the process of a run.
    """
    prepare_thread()
    # the peak counts from here on
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    interval = 100 if who == "statistics" else 0
    built = [make_run(cell, interval=interval, seed=seed, **sizes) for seed in range(runs)]
    updates = [torch_script(run) if who == "script" else run.advance for run in built]
    for _ in range(UPDATES):
        for update in updates:
            update()
    told.send(_status("VmHWM") - before)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"this system does not tell {name} of a process")


def growth(who: str, axis: str, value: int, plan: Plan) -> float:
    """Return the megabytes by which a new process grows."""
    sizes = {"length": plan.at_length, "hidden": plan.at_hidden}
    runs = value if axis == "runs" else 1
    if axis != "runs":
        sizes[axis] = value
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torch._dynamo", "benchmarks.updates"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=grow, args=(who, plan.cell, runs, sizes, theirs))
    process.start()
    theirs.close()
    try:
        return float(ours.recv()) / 1e6
    finally:
        process.join()


def measure(plan: Plan) -> Found:
    """Measure along every axis, in alternation."""
    found: Found = {}
    for axis in AXES:
        found[axis] = []
        for value in getattr(plan, axis):
            point: dict[str, list[float]] = {who: [] for who in WHO}
            for number in range(plan.rounds):
                for who in by_turns(WHO, number):
                    point[who].append(growth(who, axis, value, plan))
            found[axis].append(point)
    return found


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Memory\n"
    yield (
        "The most megabytes (10^6 bytes) by which a process grows while it builds a run "
        f"({plan.cell}, adding problem, T = {plan.at_length}, hidden {plan.at_hidden}, batch 32 "
        f"except along its own axis) and makes {UPDATES} updates, with torch already imported: "
        "bptt, bptt with statistics every 100 updates (a copy in float64, and step Jacobians), and "
        f"a script with torch's layer. {plan.rounds} alternating processes of each.\n"
    )
    yield head("axis", "", "bptt, MB", "with statistics, MB", "script, MB", "script / bptt")
    for axis, points in found.items():
        for value, point in zip(getattr(plan, axis), points, strict=True):
            columns = [digits(statistics.median(point[who])) for who in WHO]
            columns.append(spread(ratios(point["script"], point["bptt"])))
            yield table_row(AXES[axis], value, *columns)


def picture(plan: Plan, found: Found) -> Figure:
    """Draw memory over size on two logarithmic scales, a panel for each axis."""
    figure = style.new_figure(12.6, 4.6)
    row = figure.subplots(1, len(AXES), sharey=True)
    names = ("bptt", "bptt with statistics", "script")
    for axes, (axis, name) in zip(row, AXES.items(), strict=True):
        values = getattr(plan, axis)
        for place, who in enumerate(WHO):
            samples = [point[who] for point in found[axis]]
            panels.line(axes, values, samples, names[place], place, place)
        panels.logarithmic_across(axes, values)
        panels.finish(axes, "", name, "MB" if axes is row[0] else "")
    panels.logarithmic_up(row[0])
    panels.legend(figure, row[0])
    figure.suptitle(f"Memory of a process beyond what it imports ({plan.cell})", fontsize=13)
    return figure


PART = Part("memory", "performance", Plan(), measure, lines, picture)
