"""`Shipper`: a thread that keeps MLflow up to date while the process trains."""

import threading
from pathlib import Path

from bptt.errors import TrackingUnavailable
from bptt.run_folder import RunFolder
from bptt.shipping.rounds import FIRST_WAIT, INTERVAL, Rounds
from bptt.tracking.run.context import RunContext
from bptt.tracking.run.sending import ship
from bptt.tracking.run.state import Shipped, committed
from bptt.tracking.target import Target


class Shipper(Rounds[RunFolder]):
    """Ships the folders it is given, from one thread; none of its errors reach the caller.

    Create it after a fork, not before. mlflow is imported in the thread, so training need not
    wait for it.

    Args:
        target: where to.
        interval: seconds between two visits.
    """

    def __init__(self, target: Target, interval: float = INTERVAL) -> None:
        super().__init__(interval)
        self._target = target
        # everything below is read and written by both threads, under this lock
        self._change = threading.Condition()
        self._waiting: list[RunFolder] = []
        self._left_out: dict[str, str] = {}
        """Why some of them cannot be sent, by their id; `drain` tries these once more."""
        self._calls = self._seen = 0
        self._draining = False
        self._thread = threading.Thread(target=self.run, name="bptt-shipper", daemon=True)
        self._thread.start()

    @property
    def why(self) -> str:
        """Why something was not sent; empty as long as all is well."""
        return self.trouble or next(iter(self._left_out.values()), "")

    def add(self, folder: RunFolder) -> None:
        """Ship this folder from now on, first at once."""
        with self._change:
            self._waiting.append(folder)
            self._wake()

    def drain(self, timeout: float = 60.0) -> bool:
        """Send what is left once training is over; wait for it at most `timeout`.

        A run that has not ended is marked as stopped (KILLED) until someone resumes it. One that
        cannot be sent for its own reason is tried once more, and not waited for.

        Returns:
            Whether MLflow now has everything that is committed.
        """
        with self._change:
            self._draining, self.hopeless = True, False
            self._left_out.clear()
            self._wake()
            self._change.wait_for(self._is_over, timeout)
            return not self._waiting

    def close(self) -> None:
        """End the thread after the current request; what was not sent stays in the folders."""
        with self._change:
            self.closed = True
            self._wake()

    def go(self) -> str:
        with self._change:
            self._seen = self._calls
            look = self.aside.is_time()
            folders = [folder for folder in self._waiting if self._is_due(folder, look)]
        return self.visit_all(folders)

    def visit(self, run: RunFolder) -> None:
        draining = self._draining
        try:
            state = ship(run, self._target, RunContext("stopped" if draining else "training"))
            over = state.complete or (draining and _is_settled(run, state))
        except (TrackingUnavailable, OSError):
            raise
        # a fault of ours: training continues, and so do we
        except Exception as error:
            raise TrackingUnavailable(str(error)) from error
        if over:
            with self._change:
                self._waiting.remove(run)

    def path_of(self, run: RunFolder) -> Path:
        return run.path

    def leave_out(self, run: RunFolder, why: str) -> None:
        with self._change:
            self._left_out[run.run_id] = why

    def take_back(self, run: RunFolder) -> None:
        with self._change:
            self._left_out.pop(run.run_id, None)

    def rest(self, seconds: float) -> None:
        with self._change:
            self._change.notify_all()
            if self._draining:
                # somebody is waiting
                seconds = min(max(self.backoff.wait, FIRST_WAIT), self.interval)
            if self._change.wait_for(lambda: self._calls != self._seen, seconds):
                self.backoff.reset()

    def _wake(self) -> None:
        self._calls += 1
        self._change.notify_all()

    def _is_due(self, folder: RunFolder, look: bool) -> bool:
        if folder.run_id not in self._left_out:
            return True
        return look and not self._draining and self.aside.is_worth_a_try(folder.path)

    def _is_over(self) -> bool:
        return self.hopeless or all(one.run_id in self._left_out for one in self._waiting)


def _is_settled(folder: RunFolder, state: Shipped) -> bool:
    """Say whether a run that stopped without ending is in MLflow as far as it got."""
    return state.status == "KILLED" and state.journal == committed(folder)
