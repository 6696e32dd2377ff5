"""What is measured of the process of one request."""

import os
import subprocess
import sys
import time

from bptt.api import draft_process
from tests.servers.process import until


def test_time_in_which_others_have_the_processor_does_not_count():
    (processor, *_) = os.sched_getaffinity(0)
    spin = "import os\nos.sched_setaffinity(0, {%d})\nos.nice(%d)\nwhile True: pass"
    began = time.monotonic()
    spinning = [
        subprocess.Popen([sys.executable, "-c", spin % (processor, nice)]) for nice in (0, 10)
    ]
    try:
        assert until(lambda: draft_process._waited(spinning[1].pid) > 0.5)
        assert draft_process._waited(spinning[1].pid) < time.monotonic() - began
    finally:
        for process in spinning:
            process.kill()
            process.wait()
