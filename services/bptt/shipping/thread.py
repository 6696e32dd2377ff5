"""`Shipper`: a thread that keeps MLflow up to date while the process trains."""

import errno
import threading

from bptt.errors import RunUnshippable
from bptt.run_folder import RunFolder
from bptt.tracking.run.sending import ship
from bptt.tracking.run.state import Shipped, committed
from bptt.tracking.target import Target

INTERVAL = 5.0
"""Seconds between two visits to each folder."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0
"""Seconds until the next try after a failure; they double, without end."""


class Shipper:
    """Ships the folders it is told of, from one thread; nothing it meets reaches the caller.

    Make it after a fork, not before. mlflow is imported in the thread, so that training need
    not wait for it.

    Args:
        target: where to.
        interval: seconds between two visits.
    """

    def __init__(self, target: Target, interval: float = INTERVAL) -> None:
        self._target = target
        self._interval = interval
        # everything below is read and written by both threads, under this lock
        self._change = threading.Condition()
        self._waiting: list[RunFolder] = []
        self._calls = 0
        self._draining = False
        self._closed = False
        self._hopeless = False
        """Whether waiting cannot help: this machine's disk takes nothing more."""
        self.trouble: str | None = None
        """Why the last try failed; None if it did not."""
        self._thread = threading.Thread(target=self._work, name="bptt-shipper", daemon=True)
        self._thread.start()

    def add(self, folder: RunFolder) -> None:
        """Ship this folder from now on, first at once."""
        with self._change:
            self._waiting.append(folder)
            self._wake()

    def drain(self, timeout: float = 60.0) -> bool:
        """Send what is left when no training goes on any more; wait for it at most `timeout`.

        A run that has not ended is marked as stopped (KILLED) until someone resumes it.

        Returns:
            Whether MLflow now has everything that is committed.
        """
        with self._change:
            self._draining = True
            self._wake()
            self._change.wait_for(lambda: not self._waiting or self._hopeless, timeout)
            return not self._waiting

    def close(self) -> None:
        """End the thread after the request under way; what was not sent stays in the folders."""
        with self._change:
            self._closed = True
            self._wake()

    def _wake(self) -> None:
        self._calls += 1
        self._change.notify_all()

    def _work(self) -> None:
        failures = 0
        while not self._closed:
            calls, draining = self._calls, self._draining
            failures = 0 if self._visit_all(draining) else failures + 1
            backoff = FIRST_WAIT * 2.0 ** max(failures - 1, 0)
            if draining:
                pause = min(backoff, self._interval)
            else:
                pause = min(backoff, LONGEST_WAIT) if failures else self._interval
            if self._pause(pause, calls):
                failures = 0

    def _pause(self, seconds: float, calls: int) -> bool:
        """Sleep; return early and True when someone called since `calls` was read."""
        with self._change:
            return self._change.wait_for(lambda: self._calls != calls, seconds)

    def _visit_all(self, draining: bool) -> bool:
        """Visit every folder once; stop at the first failure that the next would meet too."""
        unshippable = ""
        for folder in list(self._waiting):
            try:
                state = ship(folder, self._target, training=not draining)
            except RunUnshippable as error:
                unshippable = self.trouble = str(error)
                continue
            # whatever it is (a full disk, a fault of ours): training goes on, and so do we
            except Exception as error:
                self.trouble = str(error)
                with self._change:
                    self._hopeless = _is_disk(error)
                    self._change.notify_all()
                    # if the fault is this folder's own, the others come first the next time
                    self._waiting.remove(folder)
                    self._waiting.append(folder)
                return False
            self.trouble, self._hopeless = unshippable or None, False
            if state.complete or (draining and _is_settled(folder, state)):
                with self._change:
                    self._waiting.remove(folder)
                    self._change.notify_all()
        return not unshippable


def _is_disk(error: BaseException) -> bool:
    """Say whether the disk is full or closed to writing, directly or as the cause."""
    causes = (error, error.__cause__, error.__context__)
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    return any(isinstance(cause, OSError) and cause.errno in numbers for cause in causes)


def _is_settled(folder: RunFolder, state: Shipped) -> bool:
    """Say whether a run that stopped without ending is in MLflow as far as it came."""
    return state.status == "KILLED" and state.journal == committed(folder)
