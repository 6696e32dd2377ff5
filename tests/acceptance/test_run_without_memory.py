"""`bptt run` where there is less memory than the run needs."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import put_mlflow_database

ROOM = 2 * 2**30
"""Bytes: more than torch and a small run take."""
SMALL = """
task: {name: latch, length: 200}
cell: rnn
model: {hidden_size: 256}
training: {steps: 4, batch_size: 4, evaluate_every: 2, evaluation_size: 4}
statistics: {interval: 0, jacobian_interval: 0}
"""
TOO_LARGE = {
    "weights": ["model.hidden_size=16384"],
    "a batch": ["training.batch_size=20000"],
    # only after some updates
    "an evaluation": ["training.evaluation_size=40000"],
}


@pytest.fixture
def limited(tmp_path):
    """Run `bptt run` in a process that gets no more memory than that."""
    (tmp_path / "run.yaml").write_text(SMALL)
    put_mlflow_database(tmp_path / "home")
    environment = {n: v for n, v in os.environ.items() if not n.startswith("BPTT_")}

    def call(*overrides):
        sets = [word for one in overrides for word in ("--set", one)]
        return subprocess.run(
            [sys.executable, "-m", "bptt", "run", "run.yaml", "--quiet", *sets],
            cwd=tmp_path,
            env=environment | {"BPTT_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (ROOM, ROOM)),
        )

    return call


def test_what_fits_is_trained(limited, tmp_path):
    done = limited()

    assert done.returncode == 0, done.stderr
    assert len(list((Path(tmp_path) / "home" / "runs").iterdir())) == 1


@pytest.mark.parametrize("overrides", TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_does_not_fit_is_one_line_that_says_what_to_make_smaller(limited, overrides):
    done = limited(*overrides)

    *others, line = done.stderr.splitlines()
    assert done.returncode == 2
    # what sends to MLflow may find no memory either
    assert all(other.startswith("Warning: not everything is in MLflow") for other in others)
    assert "needs more memory than there is. Make model.hidden_size" in line
    assert "training.batch_size" in line
