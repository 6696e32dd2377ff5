"""A run that takes more memory than the system has, which then kills its process."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.worker.queue import open_queue, workers_of
from tests.servers import until

GROUPS = Path("/sys/fs/cgroup")
ROOM = 1_200 * 2**20
"""Bytes for a worker, its template and what a run may take beside them."""


@contextmanager
def little_memory(pids):
    """Let processes, and what they start, have so much memory together; skip where none can."""
    is_first = (GROUPS / "memory").is_dir()
    group = (GROUPS / "memory" if is_first else GROUPS) / f"bptt-test-{os.getpid()}"
    limit = group / ("memory.limit_in_bytes" if is_first else "memory.max")
    try:
        group.mkdir()
        limit.write_text(str(ROOM))
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no group of processes with a limit of its own can be made here: {error}")
    try:
        yield
    finally:
        assert until(lambda: not (group / "cgroup.procs").read_text().strip())
        group.rmdir()


def test_run_that_the_system_kills_for_want_of_memory_fails_with_that_cause(clippers):
    with open_queue(run_memory_mb=1_000_000) as queue, workers_of(queue) as start:
        worker = start()
        with little_memory([worker.process.pid, *worker.look()]):
            (run_id,) = queue.submit(text=clippers("hog"))
            queue.wait([run_id], "failed")
            failure = queue.run(run_id).failure
            told = [(row.outcome, row.signal) for row in queue.attempts(run_id)]
            assert worker.drain() == 0

    assert failure["cause"] == "out_of_memory"
    assert "the system was out of memory" in failure["message"]
    assert "training.batch_size" in failure["hint"]
    # another process may have been the one that took it: it was tried again
    assert told == [("lost", 9)] * 3
