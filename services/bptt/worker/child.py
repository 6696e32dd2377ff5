"""What the process of an attempt does, from its fork to its exit code."""

import faulthandler
import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

from bptt.execution.assignment import FAILED, STOPPED, Assignment, News
from bptt.execution.execute import RunProgress, execute
from bptt.host import die_with_forkserver
from bptt.memory_limit import limit_memory, yield_memory
from bptt.run_folder import RunFolder
from bptt.worker.lifeline import Lifeline

NEEDED = ("torch", "numpy", "bptt.training", "bptt.execution.recording")
"""What must already be imported in a run's process; `template` imports it."""
TELL_EVERY = 0.2
"""Seconds between two messages about progress."""


def look(connection: Connection) -> None:
    """Tell the worker which of the modules that every run's process needs are here."""
    found = set(sys.modules)
    _leave_worker()
    connection.send([name for name in NEEDED if name not in found])


def main(assignment: Assignment, connection: Connection) -> None:
    """Train one attempt; all that matters is in its folder, and the exit code says how it went.

    Args:
        assignment: what to train.
        connection: orders come in, news goes out.
    """
    _leave_worker()
    lifeline = Lifeline(connection, assignment.deadline)
    folder = RunFolder.of_attempt(assignment.runs, assignment.run_id, assignment.attempt)
    _print_to(folder.log)
    # a segmentation fault names the line of Python that led to it
    faulthandler.enable()
    yield_memory()
    # written, never read: what a GPU's driver reads in this process
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    os.environ["CUDA_VISIBLE_DEVICES"] = assignment.gpu
    limit_memory(assignment.memory_bytes)
    try:
        code = _train(assignment, connection, lifeline)
    except BaseException as error:
        limit_memory(None)
        code = _fail(folder, assignment, error, lifeline)
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # no thread that a plugin left behind keeps the process alive
    os._exit(code)


def _train(assignment: Assignment, connection: Connection, lifeline: Lifeline) -> int:
    # here, after the fork: the folder of an attempt needs torch
    from bptt.execution.attempt import begin_attempt

    def tell(text: str) -> None:
        print(text, flush=True)
        lifeline.send(News("note", text=text))

    folder = begin_attempt(assignment, tell)
    print(f"attempt {assignment.attempt} at {assignment.run_id}, process {os.getpid()}", flush=True)
    result = execute(
        folder,
        checkpoint_seconds=assignment.checkpoint_seconds,
        on_begin=lambda step: lifeline.send(News("begun", step)),
        on_progress=Teller(lifeline),
        should_stop=lifeline.stop.is_set,
        keep=True,
    )
    return STOPPED if result is None else 0


class Teller:
    """Tells the worker how far the run is: its first steps at once, then now and then."""

    def __init__(self, lifeline: Lifeline) -> None:
        self._lifeline = lifeline
        self._began = time.monotonic()
        self._first: int | None = None
        self._told_at = 0.0

    def __call__(self, progress: RunProgress) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first, self._began = progress.step, now
        # the second report is the first that follows an update
        early = progress.step <= self._first + 1
        if not early and now - self._told_at < TELL_EVERY and progress.step < progress.steps:
            return
        done = progress.step - self._first
        seconds = (now - self._began) / done if done else None
        self._told_at = now
        self._lifeline.send(News("progress", progress.step, progress.checkpoint_step, seconds))


def _leave_worker() -> None:
    """Become the leader of a new process group that dies with the worker and with nothing else."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_forkserver()


def _print_to(log: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _fail(
    folder: RunFolder, assignment: Assignment, error: BaseException, lifeline: Lifeline
) -> int:
    from bptt.execution.failure import describe

    failure = describe(error, assignment.run.spec)
    # in every possible way: a disk may be full
    lifeline.send(News("failure", text=json.dumps(asdict(failure))))
    with suppress(OSError):
        traceback.print_exception(error)
    with suppress(OSError):
        folder.write("failure", asdict(failure))
    return FAILED
