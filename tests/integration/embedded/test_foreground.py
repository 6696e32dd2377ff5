"""What `bptt ui` serves with: ended in good order by Ctrl-C, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

SERVER = "import signal, sys, time; print('up', flush=True); time.sleep(600)"
RUN = f"""
import os, sys
from bptt.embedded.foreground import run_in_foreground
sys.exit(run_in_foreground([sys.executable, "-c", {SERVER!r}], os.environ))
"""


def lives(pid):
    with suppress(OSError), open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"
    return False


def child_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return int(children.read())


@pytest.fixture
def served():
    with subprocess.Popen(
        [sys.executable, "-c", RUN],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "up\n"
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_good_order_and_without_a_traceback(served, number):
    server = child_of(served.pid)

    os.killpg(served.pid, number)

    assert served.wait(60) == 0
    assert served.stderr.read() == ""
    assert not lives(server)


def test_what_it_serves_ends_with_it_even_if_it_is_killed(served):
    server = child_of(served.pid)

    served.kill()

    until = time.monotonic() + 60
    while lives(server):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_exit_code_of_a_program_that_ends_by_itself_is_passed_on():
    run = RUN.replace("time.sleep(600)", "sys.exit(7)")

    assert subprocess.run([sys.executable, "-c", run], stdout=subprocess.DEVNULL).returncode == 7
