"""`Rounds`: how runs are sent to MLflow, round after round; a front decides which.

There are two fronts: a thread for the folders of one command (`thread`), and a process for the
queue of a home (`queue`, `process`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from bptt.backoff import Backoff
from bptt.durable import is_unwritable
from bptt.errors import BpttError, RunUnshippable, TrackingUnavailable
from bptt.shipping.set_aside import SetAside
from bptt.tracking.faults import reason_of

INTERVAL = 5.0
"""Seconds between two rounds."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0
"""Seconds until the next round after a failed one; they double without limit."""


class _Run(Protocol):
    @property
    def run_id(self) -> str: ...


Run = TypeVar("Run", bound=_Run)


class Rounds(ABC, Generic[Run]):
    """Sends runs, sets aside those that cannot be sent, and waits longer after each failure.

    Args:
        interval: seconds between two rounds without a failure.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self.interval = interval
        self.aside = SetAside()
        self.trouble = ""
        """Why the last round left something over, if MLflow or this machine is to blame."""
        self.hopeless = False
        """Whether waiting cannot help, because this machine's disk is full."""
        self.closed = False
        self.backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)

    @abstractmethod
    def go(self) -> str:
        """Do one round using `visit_all`; return why something was left over, empty: nothing."""

    @abstractmethod
    def visit(self, run: Run) -> None:
        """Send what is new of a run.

        Raises:
            RunUnshippable, OSError: it cannot be sent for its own reason.
            TrackingUnavailable: MLflow or this machine accepts nothing.
        """

    @abstractmethod
    def path_of(self, run: Run) -> Path:
        """Return the folder that changes when the run is repaired."""

    @abstractmethod
    def rest(self, seconds: float) -> None:
        """Wait for the next round, or end the wait when there is reason to."""

    def leave_out(self, run: Run, why: str) -> None:
        """Record that a run is set aside, and why."""

    def take_back(self, run: Run) -> None:
        """Record that a run that had been set aside was sent."""

    def run(self) -> None:
        """Run until it is closed."""
        while not self.closed:
            self.rest(self.round())

    def round(self) -> float:
        """Do one round; return the seconds to rest after it."""
        try:
            self.trouble = self.go()
        # concerns this program's settings or database: reported, and tried again
        except BpttError as error:
            self.trouble = str(error)
        if self.trouble:
            return self.backoff.fail()
        self.backoff.reset()
        return self.interval

    def visit_all(self, runs: Iterable[Run]) -> str:
        """Visit each run; return why something was left over, if MLflow is to blame."""
        failures, trouble = 0, ""
        for run in runs:
            problem = self.attempt(run)
            trouble = problem or trouble
            failures = failures + 1 if problem else 0
            # one may be the run's own fault, two in a row are MLflow's
            if failures > 1:
                break
        return trouble

    def attempt(self, run: Run) -> str:
        """Visit a run; return why something was left over, if MLflow is to blame."""
        path = self.path_of(run)
        try:
            self.visit(run)
        except RunUnshippable as error:
            why = str(error)
        except TrackingUnavailable as error:
            self.hopeless = is_unwritable(error)
            return str(error)
        # a folder that cannot be looked at
        except OSError as error:
            why = f"Run {run.run_id} cannot be sent to MLflow: {reason_of(error)}"
        else:
            self.hopeless = False
            if self.aside.drop(path):
                self.take_back(run)
            return ""
        self.aside.add(path)
        self.leave_out(run, why)
        return ""
