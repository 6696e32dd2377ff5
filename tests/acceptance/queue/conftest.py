import os
from pathlib import Path

import pytest

from bptt import store
from bptt.cli import main
from bptt.records.ownership import Beat, Failure
from bptt.records.workers import WorkerProcess
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from tests.servers import warm

GRID = "name: bias\ntask: latch\ncell: [rnn, {name: lstm, forget_bias: [0, 3]}]\nseeds: 2\n"
RESULT = {
    "outcome": "solved",
    "step": 300,
    "metric": "accuracy",
    "metrics": {"eval/accuracy": 0.9375, "flow/slope": -0.02, "flow/half_life": 12.5},
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("BPTT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BPTT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    Path("bias.yaml").write_text(GRID)
    return tmp_path / "home"


@pytest.fixture
def bptt(capsys):
    """Run the command in this process; return exit code, output and lines of errors."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err.splitlines()

    return call


@pytest.fixture
def installed():
    """Run the installed command in a process of its own."""

    def call(*arguments, stdin=""):
        done = warm.run(*arguments, stdin=stdin)
        return done.returncode, done.stdout, done.stderr.splitlines()

    return call


class Machine:
    """Stands in for a worker of this home: begins and ends runs as one does."""

    def __init__(self, home):
        self.settings = Settings(home=home)
        self.database = store.open_database(self.settings.database)
        worker = WorkerProcess(
            worker_id="w1",
            host="here",
            boot_id="boot",
            pid=12,
            pid_started=1.0,
            slots=2,
            version="0",
        )
        store.register_worker(self.database, worker)

    def begin(self, step=10, log="step 10\n"):
        run = store.claim(self.database, worker_id="w1", slot=0, lease_seconds=600)
        if run is None:
            return None
        folder = RunFolder.of_attempt(self.settings.runs, run.run_id, run.attempt)
        folder.path.mkdir(parents=True)
        folder.log.write_text(log)
        beat = Beat(run.run_id, run.attempt, step=step, step_seconds=0.01)
        store.renew(self.database, "w1", [beat], 600)
        return run

    def succeed(self, run, result=RESULT):
        store.finish(self.database, run.run_id, run.attempt, result, 300)

    def fail(self, run, message="ValueError: forget_bias must not be 3"):
        failure = Failure("plugin_error", message, "Traceback ...\n" + message, exit_code=1)
        store.fail(self.database, run.run_id, run.attempt, failure, 10)

    def lose(self, run):
        store.lose(self.database, run.run_id, run.attempt, why="killed", signal=9, last_step=10)

    def finish_all(self):
        while (run := self.begin()) is not None:
            self.succeed(run)


@pytest.fixture
def machine(home):
    """Return a factory; the database has to be there when it is called."""
    machines = []

    def make():
        machines.append(Machine(home))
        return machines[-1]

    yield make
    for made in machines:
        made.database.close()


@pytest.fixture
def submitted(bptt):
    """Queue the grid of six points; return its id."""
    code, out, errors = bptt("submit", "bias.yaml")
    assert (code, errors) == (0, [])
    return out.partition("(")[2].partition(")")[0]
