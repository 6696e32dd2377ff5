"""A real MLflow server, direct SQLite targets, and run folders written by hand."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from bptt.journal import Journal
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.tracking import Target, target_of
from bptt.tracking.client import connect
from tests.integration.tracking.queued_grid import QueuedGrid, open_queue
from tests.servers import MlflowServer, put_mlflow_database

STARTED = 1_763_884_800_000
"""2025-11-23T08:00:00Z in milliseconds: when every run here was created."""

NUMBERS = itertools.count()
"""One id per run: all tests share a server and a database."""


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    running = MlflowServer(tmp_path_factory.mktemp("mlflow server"))
    running.start()
    yield running
    running.kill()


@pytest.fixture(scope="module")
def second_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server to kill; not started yet."""
    fragile = MlflowServer(tmp_path_factory.mktemp("fragile"))
    yield fragile
    fragile.kill()


@pytest.fixture(scope="session")
def sqlite_target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    home = tmp_path_factory.mktemp("a home")
    put_mlflow_database(home)
    return target_of(Settings(home=home))


@pytest.fixture(params=["server", "sqlite"])
def target(request: pytest.FixtureRequest) -> Target:
    """Both ways to MLflow: over HTTP, and straight into a database in a path with a space."""
    if request.param == "server":
        running = request.getfixturevalue("mlflow_server")
        return target_of(running.settings_of_client)
    return request.getfixturevalue("sqlite_target")


@dataclass
class WrittenRun:
    """A run folder and, in its own words, what has been written there."""

    folder: RunFolder
    journal: Journal
    points: Counter = field(default_factory=Counter)
    clock: int = STARTED

    def metrics(self, step: int, **values: float | None) -> None:
        named = {key.replace("_", "/", 1): value for key, value in values.items()}
        self._append(step, metrics=named)
        for key, value in named.items():
            self.points[key, step, self.clock, "nan" if value is None else value] += 1

    def tags(self, step: int, **tags: object) -> None:
        self._append(step, tags={f"bptt.{name}": value for name, value in tags.items()})

    def probe(self, step: int, steps: int = 60, states: str = "hc") -> None:
        path = self.folder.probes / f"{step:08d}.npz"
        path.parent.mkdir(exist_ok=True)
        curve = 10.0 ** (-1 - np.arange(steps) / 10 - step / 100)
        arrays = {f"lag/0/forward/{state}": curve[np.newaxis] for state in states}
        np.savez_compressed(path, anchors=np.array([steps - 1.0]), **arrays)
        self._append(step, probe=f"probe/{path.name}")

    def commit(self) -> None:
        self.folder.write("committed", {"journal": self.journal.sync()})

    def crash_and_resume(self, length: int) -> None:
        """Cut the journal as training does when it resumes, a minute later."""
        self.journal.close()
        self.journal = self.folder.open_journal(length)
        self.clock += 60_000

    def finish(self, outcome: str = "finished", step: int = 100) -> None:
        self.tags(step, outcome=outcome)
        self.journal.sync()
        self.folder.write(
            "result",
            {"outcome": outcome, "step": step, "ended_at": "2025-11-23T08:05:00+00:00"},
        )

    def write_whole(self) -> None:
        """A run of 100 updates with three probes, from its first to its last record."""
        self.probe(0)
        for step in range(0, 101, 5):
            self.metrics(step, train_loss=1.0 - step / 200, grad_norm=1.0 + step)
        self.probe(50)
        self.metrics(100, eval_loss=0.25)
        self.probe(100)
        self.finish()

    def _append(self, step: int, **content: object) -> None:
        self.clock += 7
        self.journal.append({"step": step, "time": self.clock, **content})


@pytest.fixture
def make_run(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., WrittenRun]]:
    runs: list[WrittenRun] = []
    project = request.node.name

    def make(name: str = "lstm-s0", **fields: object) -> WrittenRun:
        folder = RunFolder(tmp_path / "runs" / f"251123-080000-{next(NUMBERS):04d}")
        spec = {
            "task": {"name": "adding", "options": {"length": 60}},
            "cell": {"name": "lstm", "options": {"forget_bias": 1.0, "recurrent_init": "uniform"}},
            "clipper": {"name": "none", "options": {}},
            "model": {"hidden_size": 32, "layers": 1, "bidirectional": False},
            "optimizer": {"name": "adam", "lr": 0.001},
            "training": {"steps": 100, "truncation": None},
            "statistics": {"interval": 20},
            "seed": 0,
        }
        folder.create(
            {
                "run_id": folder.run_id,
                "name": name,
                "project": project,
                "spec": {**spec, **fields},
                "identity": "0" * 64,
                "plugins": {"cell:lstm": "bptt 0.1.0"},
                "created_at": "2025-11-23T08:00:00+00:00",
                "torch": "2.13.0",
                "python": "3.11.7",
            }
        )
        runs.append(WrittenRun(folder, folder.open_journal()))
        return runs[-1]

    yield make
    for run in runs:
        run.journal.close()


@dataclass
class Stored:
    """A run as MLflow gives it back."""

    target: Target
    run_id: str
    number: int
    """How many runs of MLflow carry this run's id."""

    @property
    def run(self):
        return connect(self.target).get_run(self.run_id)

    @property
    def points(self) -> Counter:
        """Every stored point, except those that describe the run and the lag curves."""
        client = connect(self.target)
        return Counter(
            (key, p.step, p.timestamp, "nan" if p.value != p.value else p.value)
            for key in self.run.data.metrics
            if not key.startswith(("hp/", "flow_lag/"))
            for p in client.get_metric_history(self.run_id, key)
        )

    def curve(self, key: str) -> dict[int, float]:
        history = connect(self.target).get_metric_history(self.run_id, key)
        curve = {point.step: point.value for point in history}
        assert len(curve) == len(history)
        return curve

    def artifacts(self, path: str | None = None) -> list[str]:
        found = connect(self.target).list_artifacts(self.run_id, path)
        names = []
        for file in found:
            names += self.artifacts(file.path) if file.is_dir else [file.path]
        return sorted(names)

    def picture(self) -> bytes:
        """Return the heat map."""
        (png,) = (name for name in self.artifacts("images") if name.endswith(".png"))
        return Path(connect(self.target).download_artifacts(self.run_id, png)).read_bytes()


@pytest.fixture
def stored() -> Callable[[Target, RunFolder], Stored]:
    """What MLflow holds of a run, found by its tag as a stranger would."""

    def find(target: Target, folder: RunFolder) -> Stored:
        client = connect(target)
        experiments = [e.experiment_id for e in client.search_experiments()]
        runs = client.search_runs(experiments, f"tags.`bptt.run_id` = '{folder.run_id}'")
        return Stored(target, runs[0].info.run_id if runs else "", len(runs))

    return find


@pytest.fixture
def wait_until() -> Callable[..., None]:
    def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    return wait


@pytest.fixture(params=["server", "sqlite"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QueuedGrid]:
    """A queue in a home of its own, shipped over HTTP or into the home's own database."""
    url = ""
    if request.param == "server":
        url = request.getfixturevalue("mlflow_server").url
    queue = open_queue(tmp_path / "home", url, f"{request.node.name}-{next(NUMBERS)}")
    yield queue
    queue.database.close()
