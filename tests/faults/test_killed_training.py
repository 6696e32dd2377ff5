"""Training killed with SIGKILL at random moments, resumed, killed again: as if nothing had been."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from bptt.run_folder import RunFolder

KILLS = 40

PATIENCE = 300
"""Seconds, on a machine that does much else; nothing here takes longer than 10."""

RUN_FILE = """
task: {name: latch, length: 20}
cell: {name: lstm, forget_bias: 1}
clipper: {name: global_norm, max_norm: 0.5}
model: {hidden_size: 16}
optimizer: {name: adam, lr: 1e-3}
training: {steps: 2000, batch_size: 16, evaluate_every: 50, stop_when_solved: false}
statistics: {interval: 40}
"""


@pytest.fixture
def bptt():
    """Start `bptt run` in a home; whatever still runs at the end of the test is killed."""
    started = []

    def start(home, *arguments):
        started.append(launch(home, *arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def launch(home, *arguments):
    # away: a process beside each would import MLflow, and make its database
    away = {"BPTT_MLFLOW_URL": "http://127.0.0.1:1"}
    # checkpoints so often that kills fall into the writing of one
    own = {"BPTT_HOME": str(home), "BPTT_CHECKPOINT_SECONDS": "0.1"}
    environment = os.environ | away | own
    command = [sys.executable, "-m", "bptt", "run", "--quiet", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def series(folder):
    """Return every metric by step, without those that tell the time."""
    found = {}
    for _, record in folder.records():
        for name, value in record.get("metrics", {}).items():
            if not name.startswith("sys/"):
                assert (record["step"], name) not in found, "logged twice"
                found[record["step"], name] = value
    return found


DRAWING = """
task: {name: latch, length: 20}
cell: {name: zoneout_lstm}
model: {hidden_size: 16}
training: {steps: 900, batch_size: 16, evaluate_every: 50, stop_when_solved: false}
statistics: {interval: 90, jacobian_interval: 90}
"""
"""Of a cell that draws random numbers."""


@pytest.mark.soak
def test_run_killed_forty_times_ends_with_the_bits_of_an_undisturbed_one(bptt, tmp_path):
    check_killed(bptt, tmp_path, RUN_FILE, KILLS)


def test_run_of_a_cell_that_draws_and_is_killed_ends_with_the_bits_of_an_undisturbed_one(
    bptt, tmp_path
):
    check_killed(bptt, tmp_path, DRAWING, kills=2)


def check_killed(bptt, tmp_path, run_file, kills):
    (tmp_path / "run.yaml").write_text(run_file)
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    print(f"seed {seed}")

    undisturbed = bptt(tmp_path / "calm", str(tmp_path / "run.yaml"))
    assert undisturbed.wait(PATIENCE) == 0
    process = bptt(tmp_path / "stormy", str(tmp_path / "run.yaml"))
    done = 0
    while done < kills:
        folders = list((tmp_path / "stormy" / "runs").glob("*/committed.json"))
        if not folders:
            assert process.poll() is None
            time.sleep(0.05)
            continue
        before = folders[0].read_text()
        deadline = time.monotonic() + PATIENCE
        # let it make progress, so that kills spread over the run
        while folders[0].read_text() == before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(chance.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done += 1
        if (folders[0].parent / "result.json").exists():
            break
        process = bptt(tmp_path / "stormy", "--resume", folders[0].parent.name)
    assert process.wait(PATIENCE) in (0, -signal.SIGKILL)

    (calm,), (stormy,) = (
        [RunFolder(path) for path in (tmp_path / name / "runs").iterdir()]
        for name in ("calm", "stormy")
    )
    assert series(stormy) == series(calm)
    results = [json.loads((folder.path / "result.json").read_text()) for folder in (calm, stormy)]
    assert results[0]["outcome"] == results[1]["outcome"] == "finished"
    probes = [[file.name for file in folder.probe_files()] for folder in (calm, stormy)]
    assert probes[0] == probes[1]
