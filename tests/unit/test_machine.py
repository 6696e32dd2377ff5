import statistics
import subprocess
import sys
import time

import torch

from bptt.run_file.machine import relative_speed


def middle():
    return statistics.median(relative_speed() for _ in range(3))


def test_a_busy_machine_is_as_fast_as_one_at_rest():
    alone = middle()
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        busy = middle()
    finally:
        for one in spinning:
            one.kill()
            one.wait()

    assert 0.8 < busy / alone < 1.25


def test_time_in_which_others_have_the_processor_does_not_count(monkeypatch):
    alone, product = middle(), torch.mm

    def interrupted(*given, **named):
        time.sleep(2e-3)
        return product(*given, **named)

    monkeypatch.setattr(torch, "mm", interrupted)

    # what is woken again begins with cold caches
    assert middle() / alone < 2
