"""Queues and workers for one test or for the tests of a file, and clippers that fail."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bptt.run_folder import RunFolder, attempts
from tests.integration.worker.queue import GRID, Queue, RunningWorker, open_queue, workers_of
from tests.servers import short_folder, start_redis


@pytest.fixture
def queue() -> Iterator[Queue]:
    """An empty queue on SQLite."""
    with open_queue() as queue:
        yield queue


@pytest.fixture
def redis(queue: Queue) -> Iterator[Any]:
    """A Redis for this queue alone, which may be killed."""
    with short_folder() as folder, start_redis(folder) as server:
        queue.settings = replace(queue.settings, redis_url=server.url)
        yield server


@pytest.fixture
def start_worker(queue: Queue) -> Iterator[Callable[..., RunningWorker]]:
    """Return a function that starts a worker of the queue; all of it is gone afterwards."""
    with workers_of(queue) as start:
        yield start


@pytest.fixture
def undisturbed(queue: Queue, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return a function that gives the result a run has when nothing happens to it."""
    from bptt.execution.execute import execute

    def train(run_id: str) -> dict[str, Any]:
        found = attempts(queue.settings.runs, run_id)[0]
        calm = RunFolder(tmp_path / run_id)
        calm.create(json.loads((found.path / "run.json").read_text()))
        assert execute(calm, checkpoint_seconds=1000) is not None
        result: dict[str, Any] = json.loads((calm.path / "result.json").read_text())
        return result

    return train


@dataclass
class Clippers:
    """Grids whose clipper fails, or takes its time; see `faulty_clipper`."""

    site: Path

    def __call__(self, what: str, at: int = 5) -> str:
        return f"{GRID}clipper: {{name: faulty, what: {what}, at: {at}}}\n"

    def slow(self) -> str:
        """Return a grid whose runs last, without work, until they are let go."""
        (self.site / "go").unlink(missing_ok=True)
        return self("creep", at=1)

    def go(self) -> None:
        """Let the slow ones do the rest at full speed."""
        (self.site / "go").touch()

    @property
    def metadata(self) -> Path:
        """What makes the clipper known."""
        return self.site / "acme_faulty-1.0.dist-info"


@contextmanager
def installed_clippers(site: Path) -> Iterator[Clippers]:
    """Install the clipper that fails, for this process and what it starts."""
    clippers = Clippers(site)
    clippers.metadata.mkdir(parents=True)
    (clippers.metadata / "METADATA").write_text("Name: acme-faulty\nVersion: 1.0\n")
    (clippers.metadata / "entry_points.txt").write_text(
        "[bptt.clippers]\nfaulty = acme_faulty:Faulty\n"
    )
    shutil.copy(Path(__file__).with_name("faulty_clipper.py"), site / "acme_faulty.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        patch.setenv("FAULTY_GO", str(site / "go"))
        yield clippers


@pytest.fixture(scope="module")
def clippers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clippers]:
    """The clipper that fails, for the tests of a file."""
    with installed_clippers(tmp_path_factory.mktemp("clippers") / "site") as clippers:
        yield clippers


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Clippers]:
    """The clipper that fails, for one test."""
    with installed_clippers(tmp_path / "site") as clippers:
        yield clippers
