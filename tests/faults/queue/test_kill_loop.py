"""Workers, runs, Redis, the database and commands killed again and again: nothing may show."""

import pytest

from tests.faults.queue.storm import Storm

SMALL = {"runs": 6, "steps": 60, "faults": 5, "workers": 2}
DAMAGE = {"runs": 120, "steps": 80, "faults": 200, "damage": True}
FULL = {"runs": 500, "steps": 80, "faults": 1000, "everything": True}
"""The proof: about half an hour for each database."""


@pytest.fixture
def rage():
    """Run a storm and judge it; its story is printed when it fails."""
    storms = []

    def run(database, **sizes):
        storm = Storm(database, **sizes)
        storms.append(storm)
        try:
            storm.rage()
            judge(storm, repeated_per_fault=40)
        except BaseException:
            print(storm.story())
            raise
        return storm

    yield run
    for storm in storms:
        storm.cluster.stop()


def judge(storm, repeated_per_fault):
    verdict = storm.verdict()
    freezes = storm.nemesis.done["freeze worker"] + storm.nemesis.done["freeze run"]

    print(
        f"seed {storm.seed}: {dict(storm.nemesis.done)}; {verdict.attempts} attempts, "
        f"{verdict.updates} updates, {verdict.repeated} repeated, "
        f"{len(verdict.overlaps)} overlaps, {len(storm.nemesis.cancelled)} cancelled, "
        f"{storm.cluster.starts} workers started"
    )
    assert verdict.wrong() == {}
    # only a process that was frozen past its lease may make one update before it sees that
    assert len(verdict.overlaps) <= freezes, verdict.overlaps
    assert verdict.repeated <= repeated_per_fault * storm.faults
    assert storm.computed_twice() == []
    assert storm.wrong_results() == []


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_storm_over_a_small_grid_loses_and_doubles_nothing(rage, database):
    storm = rage(database, **SMALL)

    assert sum(storm.nemesis.done.values()) == SMALL["faults"]


@pytest.mark.soak
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_thousand_faults_over_five_hundred_runs_lose_and_double_nothing(rage, database):
    storm = rage(database, **FULL)

    storm.wait_for_mlflow(3600)
    assert storm.wrong_points() == []


@pytest.mark.soak
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_damaged_files_full_disks_and_hasty_deletes_lose_and_double_nothing(rage, database):
    storm = rage(database, **DAMAGE)

    storm.wait_for_mlflow(1200)
    assert storm.wrong_points() == []
    assert storm.undeleted() == []
