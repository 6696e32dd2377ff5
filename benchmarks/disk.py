"""What ended runs leave on the disk: bytes and files, and bytes of MLflow's database a point."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cells import head, table_row
from benchmarks.embedded import Embedded
from benchmarks.interleaving import digits
from benchmarks.part import Found, Part

RUNS = 20_000
"""For how many the page says what they would take."""


@dataclass(frozen=True)
class Plan:
    runs: int = 16
    updates: int = 600


def measure(plan: Plan) -> Found:
    """Return bytes, blocks and files of each kind of run, and what MLflow's database takes."""
    return {
        "one update": _left_by(plan, 1, "statistics: {interval: 0, jacobian_interval: 0}"),
        "with statistics": _left_by(plan, plan.updates, "statistics: {}"),
    }


def _left_by(plan: Plan, updates: int, statistics: str) -> dict[str, float]:
    with Embedded() as stack:
        # MLflow's empty tables are nobody's
        _train(stack, 1, updates, statistics)
        known, (points, size) = _files(stack.home), _database(stack.home)
        _train(stack, plan.runs, updates, statistics)
        stack.bptt("down")
        found = [sizes for file, sizes in _files(stack.home).items() if file not in known]
        points_after, size_after = _database(stack.home)
    return {
        "files": len(found) / plan.runs,
        "bytes": sum(size for size, _ in found) / plan.runs,
        "blocks": sum(blocks for _, blocks in found) / plan.runs,
        "points": (points_after - points) / plan.runs,
        "database": (size_after - size) / plan.runs,
    }


def _train(stack: Embedded, runs: int, updates: int, statistics: str) -> None:
    stack.submit(
        f"name: disk{runs}\ntask: {{name: adding, length: 50}}\ncell: rnn\n"
        f"model: {{hidden_size: 32}}\ntraining: {{steps: {updates}}}\n{statistics}\n"
        f"seeds: [{', '.join(str(100 * runs + seed) for seed in range(runs))}]\n"
    )
    stack.wait()
    stack.wait_for_shipping()


def _files(home: Path) -> dict[tuple[int, int], tuple[int, int]]:
    """Return bytes and blocks of each file of a run; one file may have several names."""
    return {
        (there.st_dev, there.st_ino): (there.st_size, there.st_blocks * 512)
        for place in ("runs", "artifacts")
        for path in (home / place).rglob("*")
        if path.is_file() and not _of_grid(home, path)
        for there in [path.stat()]
    }


def _of_grid(home: Path, path: Path) -> bool:
    """Say whether a file is of the parent of the grid, of which there is one."""
    return path.is_relative_to(home / "artifacts") and (
        path.name == "summary.json" or "pictures" in path.parts
    )


def _database(home: Path) -> tuple[int, int]:
    """Return how many points MLflow's database has, and its bytes."""
    if not (home / "mlflow.db").exists():
        return 0, 0
    with closing(sqlite3.connect(home / "mlflow.db", timeout=30)) as connection:
        (points,) = connection.execute("SELECT count(*) FROM metrics").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return points, pages * size


def lines(plan: Plan, found: Found) -> Iterator[str]:
    """Yield the table."""
    yield "## Disk\n"
    yield (
        f"Of each of {plan.runs} runs that have ended and are in MLflow (rnn, adding problem, "
        "T = 50, hidden 32): files and kilobytes in the home, those of MLflow in it counted once "
        "where they are the same file; *blocks*: what the file system takes for them; points in "
        f"MLflow's database and its bytes for each; gigabytes for {RUNS:,} runs. The aim is 12 "
        "files and 75 kB a run with statistics. What is left is MLflow's: a point is a row with "
        "the id of its run, in a table with three indexes.\n"
    )
    names = ["", "files", "kB", "blocks, kB", "points", "bytes a point"]
    names += ["all files, GB", "with MLflow's database, GB"]
    yield head(*names)
    for name, one in found.items():
        updates = f"{plan.updates} updates, with statistics" if "with" in name else name
        each = one["database"] / one["points"]
        whole = RUNS * (one["bytes"] + one["database"]) / 1e9
        row = [
            updates,
            digits(one["files"]),
            digits(one["bytes"] / 1e3),
            digits(one["blocks"] / 1e3),
            digits(one["points"]),
            digits(each),
            digits(RUNS * one["bytes"] / 1e9),
            digits(whole),
        ]
        yield table_row(*row)


PART = Part("disk", "performance", Plan(), measure, lines)
