"""What `make demo` does, given again and again, interrupted, and beside what is up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import put_mlflow_database, until, warm

DEMO = Path(__file__).parents[2] / "grids" / "demo.sh"
PATIENCE = 900


class Demo:
    """The script in a home of its own."""

    def __init__(self, home):
        self.home = home
        put_mlflow_database(home)
        environment = {n: v for n, v in os.environ.items() if not n.startswith("BPTT_")}
        self.environment = environment | {
            "BPTT_HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def begin(self, **settings):
        return subprocess.Popen(
            ["sh", str(DEMO)],
            env=self.environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, **settings):
        process = self.begin(**settings)
        try:
            said, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            raise
        return process.returncode, said

    def bptt(self, *arguments):
        return warm.run(*arguments, env=self.environment, timeout=PATIENCE)

    def is_up(self):
        """Say whether anything is up, without ending it."""
        there = subprocess.run(
            [sys.executable, "-c", UP, str(self.home)], capture_output=True, text=True, check=True
        )
        return there.stdout.strip() == "True"


STEPS = [
    f"$ bptt {step}"
    for step in (
        "up -d",
        "submit latch.yaml",
        "watch latch",
        "compare latch",
        "show latch/0",
        "down",
    )
]
UP = (
    "import sys; from pathlib import Path; from bptt.embedded.home import holder; "
    "print(holder(Path(sys.argv[1])) is not None)"
)


@pytest.fixture
def demo(tmp_path):
    demo = Demo(tmp_path / "home")
    yield demo
    demo.bptt("down")


def test_demo_given_again_says_whose_runs_serve_it_and_leaves_up_what_was_up(demo):
    # settings of the shell that would lead elsewhere
    code, said = demo.run(BPTT_SERVER="http://127.0.0.1:1")

    assert code == 0, said
    assert "Queued 30 runs" in said
    assert "served by" not in said
    assert not demo.is_up()

    assert demo.bptt("up", "-d").returncode == 0
    code, said = demo.run()

    assert code == 0, said
    assert "Queued 0 runs" in said
    assert "latch/0 is served by run " in said
    assert "Gradient through time" in said
    assert "is up already" in said
    assert demo.is_up()


@pytest.mark.soak
def test_demo_that_is_killed_in_each_of_its_steps_ends_well_when_it_is_given_again(demo, tmp_path):
    own = Demo(tmp_path / "own")
    assert own.bptt("up", "-d").returncode == 0
    try:
        for step in STEPS:
            process = demo.begin()
            for line in process.stdout:
                if step in line:
                    break
            time.sleep(0.2)
            # no trap of the script runs; what it began in the background goes on
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=PATIENCE)
            code, said = demo.run()
            assert code == 0, (step, said)
            assert "Gradient through time" in said, (step, said)
            assert not demo.is_up(), (step, said)
        # beside it nothing was disturbed
        assert own.is_up()
        assert "No runs" in own.bptt("runs").stderr
    finally:
        own.bptt("down")


@pytest.mark.parametrize(
    ("step", "number"),
    [
        ("$ bptt up -d", signal.SIGINT),
        ("$ bptt watch latch", signal.SIGTERM),
        pytest.param("$ bptt up -d", signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param("$ bptt watch latch", signal.SIGINT, marks=pytest.mark.soak),
        pytest.param("ended: ", signal.SIGINT, marks=pytest.mark.soak),
        pytest.param("ended: ", signal.SIGTERM, marks=pytest.mark.soak),
    ],
)
def test_demo_that_is_interrupted_takes_down_what_it_began(demo, step, number):
    process = demo.begin()
    for line in process.stdout:
        if step in line:
            break
    # in the middle of the step
    time.sleep(0.3)
    begun = time.monotonic()
    os.killpg(process.pid, number)
    said, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 128 + number, said
    assert time.monotonic() - begun < 60
    assert until(lambda: not demo.is_up(), 30)
