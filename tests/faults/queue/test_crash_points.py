"""A crash at every operation on a file, and at every transaction: the run goes on as if none."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.queue import crash, witness
from tests.faults.queue.checker import check
from tests.faults.queue.cluster import PATIENCE, Cluster, write_grid
from tests.faults.queue.storm import newest_attempt
from tests.faults.queue.undisturbed import undisturbed_weights
from tests.faults.queue.weights import weights_hash

STEPS = 40
TOGETHER = 4
"""Transactions at which workers die, twice at each, before a run ends: one that dies nine times in
a row with its worker counts as the cause, and fails."""


@pytest.fixture
def cluster():
    started = []

    def start(database, workers):
        folder = Path(tempfile.mkdtemp(prefix="bptt"))
        started.append(Cluster(folder, database, workers=workers, pause=0.01))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def judge(cluster, file, runs):
    ids = dict(cluster.query("SELECT number, id FROM runs"))
    expected = dict.fromkeys(ids.values(), STEPS)
    verdict = check(expected, witness.read(cluster.log), cluster.events())
    assert len(ids) == runs
    assert verdict.wrong() == {}
    assert verdict.overlaps == []
    calm = undisturbed_weights(file, cluster.folder / "site")
    for number, run_id in ids.items():
        folder = newest_attempt(cluster.home / "runs" / run_id)
        assert weights_hash(calm[number].saved(folder)) == calm[number].digest, run_id
    return verdict


def died_once(cluster):
    return {
        int(number)
        for (number,) in cluster.query(
            "SELECT r.number FROM attempts a JOIN runs r ON r.id = a.run_id "
            "WHERE a.attempt = 1 AND r.attempt > 1"
        )
    }


def let_a_run_end(cluster):
    before = cluster.unfinished()
    cluster.workers = [None]
    cluster.wait_until(lambda: cluster.unfinished() < before, "a run ends")
    (worker,) = cluster.workers
    worker.terminate()
    worker.wait(PATIENCE)
    cluster.workers = []


@pytest.mark.parametrize(
    "runs", [pytest.param(7, id="first"), pytest.param(73, id="all", marks=pytest.mark.soak)]
)
def test_training_that_ends_at_any_operation_on_a_file_ends_with_the_same_bits(cluster, runs):
    started = cluster("sqlite", 1)
    planned = crash.plan(started.folder / "site", runs)
    file = write_grid(started.folder / "grid.yaml", started.log, seeds=range(runs), steps=STEPS)

    started.run("submit", str(file))
    started.wait_until(lambda: started.unfinished() == 0, "all runs end")

    judge(started, file, runs)
    met = died_once(started)
    # counts beyond what one run does are never met; the first of each operation always are
    assert {n for n, (_, count, _) in planned.items() if count <= 2} <= met


@pytest.mark.parametrize(
    ("database", "numbers"),
    [
        pytest.param("postgresql", [5], id="postgresql-one"),
        pytest.param("sqlite", range(1, 25), id="sqlite-all", marks=pytest.mark.soak),
        pytest.param("postgresql", range(1, 25), id="postgresql-all", marks=pytest.mark.soak),
    ],
)
def test_worker_that_ends_at_any_transaction_loses_and_doubles_nothing(cluster, database, numbers):
    started = cluster(database, 0)
    crash.plan(started.folder / "site", 1)
    # a worker trains a few of them before a late transaction
    runs = 2 + 4 * len(numbers)
    file = write_grid(started.folder / "grid.yaml", started.log, seeds=range(runs), steps=STEPS)
    started.run("submit", str(file))
    worker = started.folder / "site" / "crashing_worker.py"

    for number in numbers:
        for moment in crash.MOMENTS:
            done = subprocess.run(
                [sys.executable, str(worker), moment, str(number)],
                env=started.environment,
                capture_output=True,
                timeout=PATIENCE,
            )
            assert done.returncode == 137, done.stderr.decode()[-2000:]
        if number % TOGETHER == 0 and started.unfinished():
            let_a_run_end(started)

    started.workers = [None]
    started.wait_until(lambda: started.unfinished() == 0, "all runs end")
    judge(started, file, runs)
