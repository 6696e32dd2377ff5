"""A grid of 100,000 runs among 200 others: how long a person waits, on both databases.

Alone: `python -m benchmarks.queue_scale`.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bptt import store
from bptt.run_file import read_grid_text
from bptt.store import Database
from tests.servers import short_folder, start_postgres

GRID = """
name: scale
task: {name: latch, length: 50}
cell: [rnn, lstm, gru, gru_cho]
clipper:
  - none
  - {name: global_norm, max_norm: [0.1, 0.3, 1.0, 3.0]}
optimizer: {name: adam, lr: [1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 3e-2]}
model: {hidden_size: [8, 16, 32, 64, 128]}
training: {steps: 300, batch_size: 64, evaluate_every: 50}
seeds: 100
"""
"""4 cells x 5 clippers x 10 learning rates x 5 sizes x 100 seeds = 100,000 points."""
SMALL = "task: latch\ncell: rnn\nseeds: 5\n"
OTHERS = 200
ROUNDS = 5
LIMITS = {
    "submit, sqlite": 5.0,
    "submit, postgresql": 15.0,
    "grids": 0.2,
    "runs": 0.2,
    "runs, page at 90,000": 0.2,
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


def measure(database: Database, text: str = GRID, others: int = OTHERS) -> dict[str, float]:
    """Return the seconds of each thing a person does with a large grid.

    Args:
        database: empty.
        text: of the large grid.
        others: small grids, of 20 users, that are in the queue already.
    """
    for number in range(others):
        _submit(database, SMALL, f"user{number % 20}")
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    grid_id, points = _submit(database, text, "ada")
    seconds[f"submit, {database.dialect}"] = time.perf_counter() - began
    late, last = f"{grid_id}-{points * 9 // 10}", f"{grid_id}-{points - 1}"
    listings: dict[str, Callable[[], object]] = {
        "grids": lambda: store.list_grids(database),
        "runs": lambda: store.list_runs(database, grid_id=grid_id),
        "runs, page at 90,000": lambda: store.list_runs(database, grid_id=grid_id, after=late),
        "runs that failed": lambda: store.list_runs(database, grid_id=grid_id, status="failed"),
        "status": lambda: store.queue_status(database),
        "place of a run": lambda: store.position(database, last),
        "work left": lambda: store.grid_work(database, grid_id),
    }
    for name, listing in listings.items():
        seconds[name] = statistics.median(_seconds(listing) for _ in range(ROUNDS))
    seconds["cancel"] = _seconds(lambda: store.cancel_grid(database, grid_id, "ada"))
    return seconds


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


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "## A grid of 100,000 runs\n"
    yield (
        f"Seconds, with {OTHERS} small grids of 20 users beside it; of listings the median of "
        f"{ROUNDS}. `submit` is from the text of the file to the commit; both databases wait for "
        "the disk.\n"
    )
    yield "| | SQLite | PostgreSQL | at most |\n| --- | --- | --- | --- |"
    with sqlite() as database:
        first = measure(database)
    with postgresql() as database:
        second = measure(database)
    limits = f"{LIMITS['submit, sqlite']:g} / {LIMITS['submit, postgresql']:g}"
    found = f"{first['submit, sqlite']:.2f} | {second['submit, postgresql']:.2f}"
    yield f"| submit | {found} | {limits} |"
    for name in list(first)[1:]:
        yield f"| {name} | {first[name]:.3f} | {second[name]:.3f} | {LIMITS[name]:g} |"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
