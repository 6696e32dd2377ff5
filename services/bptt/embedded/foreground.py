"""A program in the foreground: Ctrl-C ends it cleanly, and it ends with this process."""

import ctypes  # the child must not import it between fork and exec  # noqa: F401
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType

from bptt.host import die_with_parent, signal_group

PATIENCE = 10.0
"""Seconds a program has to end."""


def run_in_foreground(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program until it ends, or until this process is asked to end; return its exit code.

    Ctrl-C too becomes SIGTERM, because servers written in Python print a traceback on SIGINT.
    """
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent(signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    process = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=prepare)
    asked = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal_group(process.pid, signal.SIGTERM)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        # in short waits, because a signal alone does not end one
        while not asked:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(0.5)
                return 0 if asked else code
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        signal_group(process.pid, signal.SIGKILL)
        process.wait()
        return 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
