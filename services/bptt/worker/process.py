"""Starts and stops the processes that train, and listens to them; the worker's side of `child`."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import wait

from bptt import host
from bptt.errors import BpttError
from bptt.execution.assignment import Assignment, News, Order
from bptt.host import signal_group
from bptt.worker import child

CONTEXT = multiprocessing.get_context("forkserver")

# multiprocessing reads an exit code only once, in whichever thread looks at its processes
_LOCK = threading.Lock()

LOOK_WITHIN = 120.0
"""Seconds within which the first process must have been forked: it waits for torch's import."""
ORPHANED = 255
"""Exit code that multiprocessing gives a process whose end the forkserver could not report."""
GONE_WITHIN = 1.0
"""Seconds within which a forkserver that closed its files has ended."""
CLOSE_WITHIN = 10.0
"""Seconds a killed process may take to end, for example because a disk does not answer."""


def prepare() -> None:
    """Start the process that runs' processes are forked from, and check that it can train.

    Raises:
        BpttError: it could not import what runs need.
    """
    CONTEXT.set_forkserver_preload(["bptt.worker.template"])
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=child.look, args=(theirs,), daemon=True)
    try:
        with _LOCK:
            process.start()
    except (EOFError, OSError) as error:
        raise BpttError(
            f"The process that runs are forked from died while it started ({error}). Try again."
        ) from error
    finally:
        theirs.close()
    try:
        missing = ours.recv() if ours.poll(LOOK_WITHIN) else ["anything within 2 minutes"]
    except EOFError:
        missing = ["anything: it died"]
    finally:
        ours.close()
    process.join(LOOK_WITHIN)
    if missing:
        raise BpttError(
            f"The process that runs are forked from could not import {', '.join(missing)}. "
            "Try: python -c 'import bptt.worker.template'"
        )


class Process:
    """The process of an attempt, as seen by the thread that supervises it."""

    def __init__(self, assignment: Assignment) -> None:
        self._ours, theirs = CONTEXT.Pipe()
        # not a daemon, which could not start processes of its own to load data
        self._process = CONTEXT.Process(target=child.main, args=(assignment, theirs))
        try:
            with _LOCK:
                self._process.start()
                self._template = host.running_forkserver()
        except BaseException:
            self._ours.close()
            raise
        finally:
            theirs.close()
        self.frozen = False

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def exit_code(self) -> int | None:
        """Return the exit code, minus the number of a signal; None while it is alive."""
        with _LOCK:
            return self._process.exitcode

    def died_with_template(self) -> bool:
        """Say whether it ended because the process that runs are forked from died."""
        give_up = time.monotonic() + GONE_WITHIN
        while self.exit_code() == ORPHANED:
            pid, started = self._template
            if host.started(pid) != started:
                return True
            if time.monotonic() > give_up:
                break
            time.sleep(0.01)
        return False

    def wait(self, seconds: float) -> list[News]:
        """Return what it has reported since, at the latest after this many seconds."""
        watched = [self._process.sentinel]
        if not self._ours.closed:
            watched.append(self._ours)  # type: ignore[arg-type]
        wait(watched, seconds)
        return self._read()

    def order(self, order: Order) -> None:
        """Tell it something; if it is gone, that is noticed elsewhere."""
        try:
            self._ours.send(tuple(order))
        except OSError:
            return

    def freeze(self) -> None:
        """Stop it in its tracks: it can write nothing until it is thawed."""
        signal_group(self.pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self, deadline: float) -> None:
        """Let it continue, until `deadline`."""
        # first, because it checks its deadline as soon as it can
        self.order(Order("deadline", deadline))
        signal_group(self.pid, signal.SIGCONT)
        self.frozen = False

    def terminate(self) -> None:
        """Ask it and everything it started to end."""
        signal_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and everything it started, frozen or not."""
        signal_group(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Forget the process; kill it if it is alive, and whatever it left behind in any case."""
        if self.exit_code() is None:
            # an error of ours must not leave a run training without a supervisor
            self.kill()
            wait([self._process.sentinel], CLOSE_WITHIN)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._ours.close()
        if self.exit_code() is not None:
            with _LOCK:
                self._process.close()

    def _read(self) -> list[News]:
        news: list[News] = []
        try:
            while not self._ours.closed and self._ours.poll():
                news.append(News(*self._ours.recv()))
        except (EOFError, OSError):
            # it has ended, in the middle of a message perhaps
            self._ours.close()
        return news
