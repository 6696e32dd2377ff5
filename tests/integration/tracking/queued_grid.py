"""A home with a queue whose runs end as a test says, with folders as training leaves them."""

import base64
import json
import os
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bptt import store
from bptt.execution.execute import isotime
from bptt.records.ownership import Beat, ClaimedRun, Failure
from bptt.records.workers import WorkerProcess
from bptt.run_file import read_grid_text
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.shipping.queue import QueueRounds
from bptt.store import Database
from bptt.tracking import Target, target_of
from bptt.tracking.client import connect
from tests.servers import put_mlflow_database

GRID = """
name: gates
project: PROJECT
task: {name: latch, length: 8}
cell: [rnn, lstm]
model: {hidden_size: 4}
training: {steps: 10}
seeds: 2
"""
WORKER = "w"


def state_of(tag: str) -> Any:
    """Return the state of the page that a tag holds, read as MLflow reads it."""
    packed = json.loads(tag)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


@dataclass
class QueuedGrid:
    """A queue, what was queued there, and what MLflow shows of it."""

    settings: Settings
    database: Database
    project: str

    @property
    def target(self) -> Target:
        return target_of(self.settings)

    def submit(self, *overrides: str, name: str = "gates", **options: Any) -> str:
        """Queue the grid; return its id."""
        text = GRID.replace("PROJECT", self.project).replace("gates", name)
        request = read_grid_text(text, "grid.yaml", overrides)
        return store.submit_grid(
            self.database,
            user="ada",
            request=request,
            source=text,
            filename="grid.yaml",
            overrides=overrides,
            **options,
        ).grid_id

    def extend(self, grid_id: str, *overrides: str) -> None:
        text = GRID.replace("PROJECT", self.project)
        request = read_grid_text(text, "grid.yaml", overrides)
        store.extend_grid(
            self.database,
            user="ada",
            grid_id=grid_id,
            request=request,
            source=text,
            overrides=overrides,
        )

    def begin(self) -> tuple[ClaimedRun, RunFolder]:
        """Claim the next run and make its folder."""
        run = store.claim(self.database, worker_id=WORKER, slot=0, lease_seconds=600)
        assert run is not None
        store.renew(self.database, WORKER, [Beat(run.run_id, run.attempt, step=1)], 600)
        folder = RunFolder.of_attempt(self.settings.runs, run.run_id, run.attempt)
        folder.create(
            {
                "run_id": run.run_id,
                "name": run.name,
                "project": run.project,
                "spec": dict(run.spec),
                "plugins": dict(run.plugins),
                "user": run.user,
                "created_at": isotime(run.created_at),
                "grid_id": run.grid_id,
                "values": dict(run.values),
                "config": run.config,
            }
        )
        return run, folder

    def succeed(self, times: int = 1, outcome: str = "finished") -> list[str]:
        """Train so many runs to their end; the accuracy is higher with an LSTM."""
        done = []
        for _ in range(times):
            run, folder = self.begin()
            accuracy = 0.9 if "lstm" in run.config else 0.5
            journal = folder.open_journal()
            metrics = {"eval/accuracy": accuracy, "eval/loss": 1 - accuracy}
            journal.append({"step": 10, "time": 1_763_884_800_000, "metrics": metrics})
            journal.close()
            result = {
                "outcome": outcome,
                "step": 10,
                "ended_at": isotime(run.created_at + 5),
                "metric": "accuracy",
                "better": "higher",
                "metrics": {"eval/accuracy": accuracy + run.number / 100},
            }
            folder.write("result", result)
            assert store.finish(self.database, run.run_id, run.attempt, result, 10)
            done.append(run.run_id)
        return done

    def fail(self) -> str:
        """Let the next run fail after its first step."""
        run, folder = self.begin()
        folder.write("failure", {"message": "RuntimeError: no.", "cause": "plugin_error"})
        failure = Failure("plugin_error", "RuntimeError: no.")
        assert store.fail(self.database, run.run_id, run.attempt, failure, 1)
        return run.run_id

    def ship(self) -> None:
        """Do what a worker's shipping process does right after its start."""
        assert QueueRounds(self.settings, self.database, WORKER).go() == ""

    def in_mlflow(self, grid_id: str, kind: str) -> list[Any]:
        """Return MLflow's runs of a grid: its parents (`grid`) or its runs (`train`)."""
        client = connect(self.target)
        experiment = client.get_experiment_by_name(self.project)
        which = f"tags.`bptt.grid_id` = '{grid_id}' and tags.`bptt.kind` = '{kind}'"
        found = client.search_runs([experiment.experiment_id], which)
        return sorted(found, key=lambda run: run.info.run_name)

    def parent(self, grid_id: str) -> Any:
        """Return the one parent of a grid."""
        (parent,) = self.in_mlflow(grid_id, "grid")
        return parent

    def note(self, grid_id: str) -> str:
        return str(self.parent(grid_id).data.tags["mlflow.note.content"])

    def tags(self) -> dict[str, str]:
        """Return the tags of the experiment."""
        return dict(connect(self.target).get_experiment_by_name(self.project).tags)


def open_queue(home: Path, mlflow_url: str, project: str) -> QueuedGrid:
    """Make a home with an empty queue and a worker that trains nothing."""
    settings = Settings(home=home, mlflow_url=mlflow_url)
    if mlflow_url:
        home.mkdir(exist_ok=True)
    elif not (home / "mlflow.db").exists():
        put_mlflow_database(home)
    database = store.open_database(settings.database)
    store.upgrade(database)
    store.register_worker(
        database,
        WorkerProcess(
            worker_id=WORKER,
            host="here",
            boot_id="boot",
            pid=1,
            pid_started=1.0,
            slots=2,
            version="0",
        ),
    )
    return QueuedGrid(settings, database, project)


SHIP_AT_ONCE = """
import sys
from pathlib import Path
from tests.integration.tracking.queued_grid import ship_at_once
ship_at_once(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
"""


def ship_at_once(home: Path, mlflow_url: str, gate: Path) -> None:
    """Ship everything as soon as another process has come to the gate."""
    settings = Settings(home=home, mlflow_url=mlflow_url)
    database = store.open_database(settings.database)
    shipping = QueueRounds(settings, database, WORKER)
    (gate / str(os.getpid())).touch()
    while len(list(gate.iterdir())) < 2:
        time.sleep(0.001)
    # who comes second to a grid leaves it to the other
    while shipping.go():
        pass
    database.close()
