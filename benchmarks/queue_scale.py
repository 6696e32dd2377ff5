"""Grids of up to 100,000 runs among others: how long a person waits, on both databases."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import panels
from benchmarks.cells import head, table_row
from benchmarks.interleaving import digits, spread
from benchmarks.part import Found, Part
from bptt import store
from bptt.figures import style
from bptt.records.workers import WorkerProcess
from bptt.run_file import read_grid_text
from bptt.store import Database
from tests.servers import short_folder, start_postgres

GRID = """
name: scale
task: {{name: latch, length: 50}}
cell: [rnn, lstm, gru, gru_cho]
clipper:
  - none
  - {{name: global_norm, max_norm: [0.1, 0.3, 1.0, 3.0]}}
optimizer: {{name: adam, lr: [{rates}]}}
model: {{hidden_size: [{sizes}]}}
training: {{steps: 300, batch_size: 64, evaluate_every: 50}}
seeds: {seeds}
"""
"""4 cells x 5 clippers x learning rates x sizes x seeds."""
RATES = ("1e-4", "2e-4", "3e-4", "5e-4", "1e-3", "2e-3", "3e-3", "5e-3", "1e-2", "3e-2")
SIZES = ("8", "16", "32", "64", "128")
SMALL = "task: latch\ncell: rnn\nseeds: 5\n"
OTHERS = 200
ROUNDS = 5
LIMITS = {
    "submit, sqlite": 5.0,
    "submit, postgresql": 15.0,
    "grids": 0.2,
    "runs": 0.2,
    "runs, last tenth": 0.2,
    "runs that failed": 0.2,
    "status": 0.2,
    "place of a run": 0.2,
    "work left": 0.2,
    "cancel": 3.0,
}
"""Seconds; of listings the median, on two cores with nothing else to do."""


@contextmanager
def sqlite() -> Iterator[Database]:
    """Yield an empty queue in a file on the disk."""
    with short_folder() as folder:
        database = store.open_database(f"sqlite:///{folder / 'queue.db'}")
        store.upgrade(database)
        yield database
        database.close()


@contextmanager
def postgresql() -> Iterator[Database]:
    """Yield an empty queue on a server of its own, which waits for the disk."""
    with short_folder() as folder, start_postgres(Path(folder), fsync=True) as server:
        database = store.open_database(server.new_database())
        store.upgrade(database)
        yield database
        database.close()


def text_of(points: int) -> str:
    """Return a grid of 100 points, or of this many thousands.

    Raises:
        ValueError: it is neither.
    """
    if points != 100 and (points < 1000 or points % 1000):
        raise ValueError(f"a grid has 100 points or some thousands, not {points}")
    rates, sizes = (RATES[:5], SIZES[:1]) if points == 100 else (RATES, SIZES)
    seeds = max(1, points // 1000)
    return GRID.format(rates=", ".join(rates), sizes=", ".join(sizes), seeds=seeds)


def measure(
    database: Database, text: str = text_of(100_000), others: int = OTHERS
) -> dict[str, float]:
    """Return the seconds of each thing people do with a large grid; for listings the median.

    Args:
        database: empty.
        text: of the large grid.
        others: small grids, of 20 users, that are in the queue already.
    """
    fill(database, others)
    return {name: statistics.median(took) for name, took in measure_grid(database, text).items()}


def fill(database: Database, others: int) -> None:
    """Queue small grids of 20 users."""
    for number in range(others):
        _submit(database, SMALL, f"user{number % 20}")


def measure_grid(database: Database, text: str, claims: int = 0) -> dict[str, list[float]]:
    """Queue a grid, look at it, claim runs from the queue, cancel it; return the seconds of each.

    Args:
        database: in which the other grids are.
        text: of the grid.
        claims: runs to claim, each of which is given back.
    """
    seconds: dict[str, list[float]] = {}
    began = time.perf_counter()
    grid_id, points = _submit(database, text, "ada")
    seconds[f"submit, {database.dialect}"] = [time.perf_counter() - began]
    late, last = f"{grid_id}-{points * 9 // 10}", f"{grid_id}-{points - 1}"
    listings: dict[str, Callable[[], object]] = {
        "grids": lambda: store.list_grids(database),
        "runs": lambda: store.list_runs(database, grid_id=grid_id),
        "runs, last tenth": lambda: store.list_runs(database, grid_id=grid_id, after=late),
        "runs that failed": lambda: store.list_runs(database, grid_id=grid_id, status="failed"),
        "status": lambda: store.queue_status(database),
        "place of a run": lambda: store.position(database, last),
        "work left": lambda: store.grid_work(database, grid_id),
    }
    for name, listing in listings.items():
        seconds[name] = [_seconds(listing) for _ in range(ROUNDS)]
    if claims:
        store.register_worker(
            database,
            WorkerProcess(
                worker_id="w",
                host="here",
                boot_id="boot",
                pid=os.getpid(),
                pid_started=0.0,
                slots=1,
                version="0",
            ),
        )
        seconds["claim"] = [_claim(database) for _ in range(claims)]
    seconds["cancel"] = [_seconds(lambda: store.cancel_grid(database, grid_id, "ada"))]
    return seconds


def _claim(database: Database) -> float:
    """Return the seconds in which a slot takes the next run, and give the run back."""
    began = time.perf_counter()
    run = store.claim(database, worker_id="w", slot=0, lease_seconds=600)
    took = time.perf_counter() - began
    assert run is not None
    store.give_back(database, run.run_id, run.attempt, why="measured")
    return took


def _submit(database: Database, text: str, user: str) -> tuple[str, int]:
    """Read a text and queue its grid, as `bptt submit` does; return its id and points."""
    request = read_grid_text(text, "scale.yaml")
    submitted = store.submit_grid(
        database,
        user=user,
        request=request,
        source=text,
        filename="scale.yaml",
        overrides=(),
        force=True,
    )
    return submitted.grid_id, submitted.points


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


DATABASES = {"sqlite": sqlite, "postgresql": postgresql}


@dataclass(frozen=True)
class Plan:
    points: tuple[int, ...] = (100, 1000, 10_000, 100_000)
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    others: int = OTHERS
    claims: int = 20


def measure_all(plan: Plan) -> Found:
    """Measure grid after grid on each database."""
    found: Found = {}
    for name in plan.databases:
        with DATABASES[name]() as database:
            fill(database, plan.others)
            found[name] = {
                str(points): measure_grid(database, text_of(points), plan.claims)
                for points in plan.points
            }
    return found


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Submit, claim, list\n"
    yield (
        f"Milliseconds, with {plan.others} small grids of 20 users queued: `submit` is from the "
        "text of the file to the commit and, like `cancel`, measured once; listings "
        f"{ROUNDS} times, `claim` (a slot takes the next run) {plan.claims} times: median [least, "
        "largest]. Both databases wait for the disk. *At most*: of the largest.\n"
    )
    yield head("", "database", *(f"{points:,}" for points in plan.points), "at most")
    for database, by_points in found.items():
        for name in next(iter(by_points.values())):
            columns = []
            for seconds in by_points.values():
                took = [1000 * value for value in seconds[name]]
                columns.append(digits(took[0]) if len(took) == 1 else spread(took))
            limit = f"{1000 * LIMITS[name]:,.0f}" if name in LIMITS else ""
            shown = name.removesuffix(f", {database}")
            yield table_row(shown, database, *columns, limit)


def picture(plan: Plan, found: Found) -> Figure:
    """Draw seconds over the points of the grid, a panel for each database."""
    figure = style.new_figure(11.4, 4.8)
    row = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for axes, (database, by_points) in zip(row, found.items(), strict=True):
        shown = (f"submit, {database}", "cancel", "claim", "grids", "runs", "status")
        for place, name in enumerate(shown):
            samples = [seconds[name] for seconds in by_points.values()]
            panels.line(axes, plan.points, samples, name.split(",")[0], place, place)
        panels.logarithmic_across(axes, plan.points)
        panels.finish(axes, database, "runs of the grid", "seconds" if axes is row[0] else "")
    panels.logarithmic_up(row[0])
    panels.legend(figure, row[0])
    figure.suptitle("How long the queue takes, by the size of a grid", fontsize=13)
    return figure


PART = Part("queue_scale", "performance", Plan(), measure_all, lines, picture)
