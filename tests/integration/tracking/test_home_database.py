"""What is written straight into MLflow's tables is what MLflow would have written."""

import sqlite3
from contextlib import closing

import pytest

from bptt.settings import Settings
from bptt.tracking import ship, target_of
from bptt.tracking.client import RunMissing, connect
from bptt.tracking.home_database import HomeDatabase
from bptt.tracking.run import upload
from bptt.tracking.run.context import RunContext
from bptt.tracking.run.parcel import Parcel
from bptt.tracking.run.rows import MetricValue
from tests.servers import put_mlflow_database

TABLES = ("runs", "tags", "params", "metrics", "latest_metrics")


@pytest.fixture
def make_target(tmp_path):
    """Return a function: a name -> MLflow's database in a home of that name."""

    def make(name):
        put_mlflow_database(tmp_path / name)
        return target_of(Settings(home=tmp_path / name))

    return make


def rows_of(target):
    """Return what the tables of runs hold, MLflow's own ids apart."""
    with closing(sqlite3.connect(target.home / "mlflow.db")) as database:
        ids = [row[0] for row in database.execute("SELECT run_uuid FROM runs ORDER BY start_time")]
        found = {}
        for table in TABLES:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            rows = database.execute(f"SELECT {', '.join(sorted(columns))} FROM {table}")
            found[table] = sorted(str(row) for row in rows)
    for number, one in enumerate(ids):
        found = {
            table: [
                row.replace(one, f"run {number}").replace(str(target.home), "home") for row in rows
            ]
            for table, rows in found.items()
        }
    return {table: sorted(rows) for table, rows in found.items()}


def grow(run):
    """Yield a run at three moments: begun, gone on, ended."""
    run.probe(0)
    run.metrics(0, train_loss=1.0, layer_0_grad_norm=None)
    run.commit()
    yield RunContext("training", heat_map=False)
    run.metrics(5, train_loss=None)
    run.metrics(10, train_loss=0.5, eval_accuracy=1e-300)
    run.tags(10, resumed_at=10)
    run.commit()
    yield RunContext("stopped", heat_map=False)
    run.probe(50)
    run.probe(100)
    run.metrics(100, train_loss=0.25)
    run.finish()
    yield RunContext(heat_map=False)


def test_both_ways_leave_the_same_rows(make_run, make_target, monkeypatch):
    ours, theirs = make_target("ours"), make_target("theirs")
    for target in (ours, theirs):
        connect(target).create_experiment("p", target.artifacts)
    run = make_run(training={"steps": 100, "truncation": None})
    document = run.folder.read("run")
    run.folder.write("run", document | {"project": "p"})

    for number, context in enumerate(grow(run)):
        for target, way in ((ours, HomeDatabase.of), (theirs, lambda target: None)):
            note = run.folder.path / "shipped.json"
            kept = run.folder.path.parent / f"{target.home.name}.json"
            note.unlink(missing_ok=True)
            if number:
                note.write_bytes(kept.read_bytes())
            with monkeypatch.context() as patched:
                patched.setattr(upload.HomeDatabase, "of", way)
                ship(run.folder, target, context)
            kept.write_bytes(note.read_bytes())
        first, second = rows_of(ours), rows_of(theirs)
        # the end of a run that has only stopped is the moment it was told
        if context.phase == "stopped":
            first.pop("runs")
            second.pop("runs")
        assert first == second

    assert len(rows_of(ours)["metrics"]) > 150


def test_a_visit_that_dies_anywhere_is_made_up_for(make_run, make_target, stored, monkeypatch):
    run = make_run()
    run.write_whole()
    connect(make_target("calm")).create_experiment(run.folder.read("run")["project"])
    done = 0

    class Died(BaseException):
        pass

    while True:
        target = make_target(f"home {done}")
        statements = []

        class Dying(sqlite3.Connection):
            def _count(self, statement, at=done, seen=statements):
                if not statement.startswith(("PRAGMA", "ROLLBACK")):
                    seen.append(statement)
                    if len(seen) > at:
                        raise Died

            def execute(self, statement, *values):
                self._count(statement)
                return super().execute(statement, *values)

            def executemany(self, statement, rows):
                self._count(statement)
                return super().executemany(statement, rows)

        connected = HomeDatabase._connected

        def dying(self, kind=Dying):
            uri = f"{self._file.absolute().as_uri()}?mode=rw"
            return sqlite3.connect(uri, uri=True, isolation_level=None, factory=kind)

        (run.folder.path / "shipped.json").unlink(missing_ok=True)
        monkeypatch.setattr(HomeDatabase, "_connected", dying)
        try:
            ended = ship(run.folder, target, RunContext(heat_map=False)).complete
        except Died:
            ended = False
        monkeypatch.setattr(HomeDatabase, "_connected", connected)

        assert ship(run.folder, target, RunContext(heat_map=False)).complete
        found = stored(target, run.folder)
        assert (found.number, found.points) == (1, run.points), done
        assert found.run.info.status == "FINISHED"
        assert found.run.data.tags["bptt.sync"] == "complete"
        if ended:
            break
        done += 1

    assert done >= 12


def test_points_that_are_there_stay_as_they_are_and_the_latest_is_the_latest(
    make_run, make_target, stored
):
    run, target = make_run(), make_target("home")
    run.write_whole()
    state = ship(run.folder, target, RunContext(heat_map=False))
    database = HomeDatabase.of(target)
    before = stored(target, run.folder).points

    earlier = [MetricValue("train/loss", 9.0, 1, 3), MetricValue("train/loss", 8.0, 1, 3)]
    database.write(state.mlflow_run_id, Parcel(earlier))
    database.write(state.mlflow_run_id, Parcel(earlier))

    found = stored(target, run.folder)
    assert found.points == before + type(before)({("train/loss", 3, 1, v): 1 for v in (9.0, 8.0)})
    assert found.run.data.metrics["train/loss"] == 0.5
    database.write(state.mlflow_run_id, Parcel([MetricValue("train/loss", 0.125, 1, 200)]))
    assert stored(target, run.folder).run.data.metrics["train/loss"] == 0.125


def test_what_mlflow_may_refuse_is_left_to_mlflow(make_run, make_target, stored):
    run, target = make_run(), make_target("home")
    run.metrics(0, train_loss=1.0, **{"eval_a[1]": 2.0})
    run.finish()

    assert ship(run.folder, target).complete

    (refused,) = (run.folder.path / "rejected.jsonl").read_text().splitlines()
    assert "eval/a[1]" in refused
    assert stored(target, run.folder).run.data.metrics["train/loss"] == 1.0


def test_tables_that_are_not_ours_are_left_to_mlflow(make_run, make_target, stored):
    run, target = make_run(), make_target("home")
    run.write_whole()
    with closing(sqlite3.connect(target.home / "mlflow.db")) as database:
        database.execute("ALTER TABLE metrics ADD COLUMN unit VARCHAR(20)")

    assert HomeDatabase.of(target) is None
    assert ship(run.folder, target, RunContext(heat_map=False)).complete

    assert stored(target, run.folder).points == run.points


def test_nothing_is_written_to_a_run_that_is_not_there(make_target):
    database = HomeDatabase.of(make_target("home"))

    with pytest.raises(RunMissing):
        database.write("0" * 32, Parcel([MetricValue("a", 1.0, 1, 1)]))
