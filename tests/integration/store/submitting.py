"""Small grids, submitted as a user does it, and workers that train nothing."""

from collections.abc import Mapping
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import select

from bptt import store
from bptt.records.grids import Submitted
from bptt.records.ownership import Beat, ClaimedRun, Failure
from bptt.run_file import GridRequest, read_grid_text
from bptt.store import Database
from bptt.store.tables import events, runs
from tests.integration.store.queueing import put_worker

GRID = """
name: small
task: latch
cell: [rnn, lstm]
optimizer: {name: adam, lr: [1e-3, 1e-2]}
model: {hidden_size: 4}
training: {steps: 10}
seeds: 2
"""
"""Two cells, two learning rates, two seeds: 8 points."""
LEASE = 90.0
WORKER = "w"


def read(text: str = GRID, *overrides: str) -> GridRequest:
    """Return the grid a text spans."""
    return read_grid_text(text, "small.yaml", overrides)


def submit(
    database: Database, text: str = GRID, *overrides: str, user: str = "ada", **options: Any
) -> Submitted:
    """Queue the grid a text spans."""
    return store.submit_grid(
        database,
        user=user,
        request=read(text, *overrides),
        source=text,
        filename="small.yaml",
        overrides=overrides,
        **options,
    )


def extend(
    database: Database, grid_id: str, *overrides: str, text: str = GRID, **options: Any
) -> Submitted:
    """Add the points to a grid that a text spans."""
    request = read(text, *overrides)
    return store.extend_grid(
        database,
        user="ada",
        grid_id=grid_id,
        request=request,
        source=text,
        overrides=overrides,
        **options,
    )


def claim(database: Database) -> ClaimedRun:
    """Take the next run, and open the gate that it may be."""
    put_worker(database, WORKER)
    claimed = store.claim(database, worker_id=WORKER, slot=0, lease_seconds=LEASE)
    assert claimed is not None
    store.renew(database, WORKER, [Beat(claimed.run_id, claimed.attempt, 1, 0, 0.5)], LEASE)
    return claimed


def succeed(database: Database, times: int = 1, outcome: str = "completed") -> list[str]:
    """Train so many runs to their end; return their ids."""
    done = [claim(database) for _ in range(times)]
    for run in done:
        assert store.finish(database, run.run_id, run.attempt, {"outcome": outcome}, 10)
    return [run.run_id for run in done]


def fail(database: Database, times: int = 1) -> list[str]:
    """Let so many runs fail after their first step; return their ids."""
    done = [claim(database) for _ in range(times)]
    for run in done:
        assert store.fail(database, run.run_id, run.attempt, Failure("plugin_error", "bad"), 1)
    return [run.run_id for run in done]


def statuses(database: Database, grid_id: str) -> dict[str, str]:
    """Return the status of every run that stands for a point of a grid, by id, in order."""
    return {run.run_id: run.status for run in store.list_runs(database, grid_id=grid_id)}


def kinds(database: Database, **which: str) -> list[str]:
    """Return the kinds of the entries of a history."""
    return [event.kind for event in store.events(database, **which)]


def everything(database: Database) -> dict[str, Mapping[str, Any]]:
    """Return every run as it is written, by id."""
    with database.read() as connection:
        return {row.id: dict(row._mapping) for row in connection.execute(select(runs))}


def count_events(database: Database) -> int:
    """Return how long the whole history is."""
    with database.read() as connection:
        return len(connection.execute(select(events.c.id)).all())


def submit_at_once(url: str, barrier: Barrier, answers: Any) -> None:
    """Submit the small grid as soon as everybody is ready; run as a process of its own."""
    database, request = store.open_database(url), read()
    barrier.wait()
    submitted = store.submit_grid(
        database, user="ada", request=request, source=GRID, filename="f.yaml", overrides=()
    )
    answers.put((submitted.grid_id, submitted.existing))
    database.close()
