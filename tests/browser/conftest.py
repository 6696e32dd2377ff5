"""A small grid, really trained, and MLflow's pages of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bptt import store, tracking
from bptt.settings import Settings
from bptt.shipping.grids import UNDRAWN
from bptt.tracking.client import connect
from bptt.tracking.grid.parent import STANDING
from tests.browser.chromium import Browser, open_browser
from tests.servers import free_port, short_folder, until

PATIENCE = 600.0
GRID = """
name: gates
project: browser
task: {name: latch, length: 20}
cell: [rnn, {name: lstm, forget_bias: 3}, {name: gru, forget_bias: 3}]
clipper: [none, {name: global_norm, max_norm: 1.0}]
model: {hidden_size: 16}
optimizer: {name: adam, lr: 3e-3}
training: {steps: 200, batch_size: 32, evaluate_every: 20, stop_when_solved: false}
statistics: {interval: 40}
seeds: 2
"""


@dataclass
class Pages:
    """The pages of the grid, by what is on them."""

    grid_id: str
    links: dict[str, str]


@pytest.fixture(scope="session")
def bptt() -> Iterator[Any]:
    """Return a function that calls the command in a home of its own and gives what it prints."""
    with short_folder() as home:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BPTT_")}
        environment["BPTT_HOME"] = str(home)

        def call(*arguments: str) -> str:
            command = [sys.executable, "-m", "bptt", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        call.home, call.environment = home, environment  # type: ignore[attr-defined]
        yield call


@pytest.fixture(scope="session")
def grid_id(bptt: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train the grid with `bptt up` and wait until MLflow has all of it."""
    file = tmp_path_factory.mktemp("files") / "gates.yaml"
    file.write_text(GRID)
    bptt("up", "-d")
    try:
        bptt("submit", str(file))
        settings = Settings(home=bptt.home)
        database = store.open_database(settings.database)
        # the newest: pages of comparisons have theirs in the same home
        grid, *_ = store.list_grids(database)
        assert until(lambda: _is_shown(settings, grid.grid_id), PATIENCE)
        database.close()
    finally:
        bptt("down")
    return grid.grid_id


@pytest.fixture(scope="session")
def pages(bptt: Any, grid_id: str) -> Iterator[Pages]:
    """Serve the pages with `bptt ui GRID`."""
    port = str(free_port())
    process = subprocess.Popen(
        [sys.executable, "-m", "bptt", "ui", grid_id, "--port", port, "--json"],
        env=bptt.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        target = tracking.Target(told["address"])
        assert until(lambda: _answers(target), PATIENCE)
        yield Pages(grid_id, told["pages"])
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        process.stdout.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def _answers(target: tracking.Target) -> bool:
    settings = Settings(mlflow_url=target.uri)
    return tracking.check_target(settings) == "up"


def _is_shown(settings: Settings, grid_id: str) -> bool:
    """Say whether all runs of the grid are whole in MLflow, and their parent has ended."""
    if not (settings.home / "mlflow.db").exists():
        return False
    client = connect(tracking.target_of(settings))
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(experiments, f"tags.`bptt.grid_id` = '{grid_id}'")
    ended = {run.info.status for run in found} == {"FINISHED"}
    trained = [run for run in found if run.data.tags.get("bptt.sync") == "complete"]
    drawn = not any(run.data.tags.get(STANDING, "").endswith(UNDRAWN) for run in found)
    return ended and drawn and len(trained) == 12
