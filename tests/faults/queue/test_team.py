"""Three workers on one PostgreSQL and one Redis, over TCP and with passwords."""

import tempfile
from pathlib import Path

import pytest

from tests.faults.queue import witness
from tests.faults.queue.checker import check
from tests.faults.queue.cluster import Cluster, write_grid
from tests.faults.queue.storm import newest_attempt
from tests.faults.queue.undisturbed import undisturbed_weights
from tests.faults.queue.weights import weights_hash

WORKERS, RUNS, STEPS = 3, 9, 30


@pytest.fixture
def team():
    folder = Path(tempfile.mkdtemp(prefix="bptt"))
    cluster = Cluster(folder, "postgresql", workers=WORKERS, slots=2, pause=0.02, tcp=True)
    yield cluster
    cluster.stop()


def test_three_workers_share_a_grid_and_do_every_point_once(team):
    file = write_grid(team.folder / "grid.yaml", team.log, seeds=range(RUNS), steps=STEPS)

    team.wait_until(lambda: len(team.query("SELECT id FROM workers")) == WORKERS, "all work")
    team.run("submit", str(file))
    team.wait_until(lambda: team.unfinished() == 0, "all runs end")

    ids = dict(team.query("SELECT number, id FROM runs"))
    verdict = check(dict.fromkeys(ids.values(), STEPS), witness.read(team.log), team.events())
    assert len(ids) == RUNS
    assert verdict.wrong() == {}
    # nothing was disturbed: one attempt each, no update twice
    assert (verdict.attempts, verdict.repeated, verdict.overlaps) == (RUNS, 0, [])
    assert len(team.query("SELECT DISTINCT worker_id FROM attempts")) == WORKERS
    calm = undisturbed_weights(file, team.folder / "site")
    for number, run_id in ids.items():
        folder = newest_attempt(team.home / "runs" / run_id)
        assert weights_hash(calm[number].saved(folder)) == calm[number].digest
