"""Processes that draw end with the one that wants the pictures."""

import subprocess
import sys

import psutil

from tests.servers import until

WAITS = """
import sys, time
from pathlib import Path
from bptt.run_folder import RunFolder
from bptt.shipping.drawing import WORTH_IT, drawing

if __name__ == "__main__":
    with drawing([RunFolder(Path(sys.argv[1]) / str(n)) for n in range(WORTH_IT)]) as drawn:
        drawn("0")
        print("drawing", flush=True)
        time.sleep(600)
"""


def test_nothing_is_left_of_a_process_that_was_killed_while_others_drew_for_it(tmp_path):
    script = tmp_path / "waits.py"
    script.write_text(WAITS)
    command = [sys.executable, str(script), str(tmp_path / "runs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "drawing\n"
        others = psutil.Process(process.pid).children(recursive=True)
        # the forkserver and at least one that draws
        assert sum("forkserver" in " ".join(other.cmdline()) for other in others) >= 2

        process.kill()

    assert until(lambda: not any(map(is_there, others)), 20)


def is_there(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
