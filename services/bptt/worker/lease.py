"""`LeaseKeeper`: one thread per worker that keeps the leases of its runs."""

import logging
import threading
import time
from dataclasses import dataclass

from bptt import store
from bptt.backoff import Backoff
from bptt.errors import DatabaseUnavailable
from bptt.lifecycle import StopRequest
from bptt.records.ownership import Beat
from bptt.store import Database

logger = logging.getLogger(__name__)

RENEWALS = 6
"""Renewals per lease."""
FREEZE_AFTER = 2 / 3
"""Fraction of a lease without a renewal after which the run's process is frozen."""
EXPIRE_AFTER = 5 / 6
"""Fraction of a lease without a renewal after which the process exits by itself."""
FIRST_WAIT, LONGEST_WAIT = 0.4, 5.0
"""Seconds until the next renewal after a failed one; they double."""
LOOK_EVERY = 1.0
"""Seconds between two looks for requests to stop."""


@dataclass
class Tenure:
    """One run while this worker owns it; written by its supervisor and by the keeper.

    Times are on the monotonic clock, so nothing happens while the machine sleeps: on waking the
    lease is renewed, unless another worker has taken over, which is then noticed.
    """

    run_id: str
    attempt: int
    renewed_at: float
    """When the last successful renewal was sent."""
    step: int = 0
    checkpoint_step: int = 0
    step_seconds: float | None = None
    first_step: int | None = None
    """Where the attempt really began, until the database knows."""
    stop_request: StopRequest = "none"
    ended: bool = False
    """Its process is gone; how it ended remains to be reported."""
    fenced: bool = False
    """It is no longer ours: its process must be killed."""

    @property
    def beat(self) -> Beat:
        """What the next renewal reports."""
        return Beat(
            run_id=self.run_id,
            attempt=self.attempt,
            step=self.step,
            checkpoint_step=self.checkpoint_step,
            step_seconds=self.step_seconds,
            first_step=self.first_step,
        )


class LeaseKeeper(threading.Thread):
    """Renews the leases of all runs of a worker together, and reads the requests to stop them.

    Args:
        database: where the leases are.
        worker_id: whose.
        lease_seconds: how long one lasts.
        freed: set after each hurried renewal, when more runs may be free to start.
    """

    def __init__(
        self, database: Database, worker_id: str, lease_seconds: float, freed: threading.Event
    ) -> None:
        super().__init__(name="bptt-leases", daemon=True)
        self._freed = freed
        self._database = database
        self._worker_id = worker_id
        self._lease = lease_seconds
        self._change = threading.Condition()
        self._tenures: dict[str, Tenure] = {}
        self._hurried = False
        self._due = 0.0
        self._backoff = Backoff(FIRST_WAIT, min(lease_seconds / (2 * RENEWALS), LONGEST_WAIT))

    def add(self, run_id: str, attempt: int, claimed_at: float) -> Tenure:
        """Keep a run that was claimed at `claimed_at`, on the monotonic clock."""
        tenure = Tenure(run_id, attempt, claimed_at)
        with self._change:
            if (former := self._tenures.get(run_id)) is not None:
                former.fenced = True
            if not self._tenures:
                self._due = claimed_at + self._lease / RENEWALS
            self._tenures[run_id] = tenure
            self._change.notify_all()
        return tenure

    def remove(self, tenure: Tenure) -> None:
        """Drop a run that has ended, or that is no longer ours."""
        with self._change:
            if self._tenures.get(tenure.run_id) is tenure:
                del self._tenures[tenure.run_id]

    def hurry(self) -> None:
        """Renew at once: there is news, or time has been lost."""
        with self._change:
            self._hurried = True
            self._change.notify_all()

    def keeps(self, run_id: str) -> bool:
        """Say whether a run's lease is being renewed."""
        with self._change:
            return run_id in self._tenures

    def trains(self) -> bool:
        """Say whether the process of any run may still exist."""
        with self._change:
            return not all(tenure.ended for tenure in self._tenures.values())

    def is_behind(self) -> bool:
        """Say whether a lease may have expired, or soon will, because we did not renew it."""
        latest = time.monotonic() - self._lease * FREEZE_AFTER
        with self._change:
            return any(tenure.renewed_at < latest for tenure in self._tenures.values())

    def run(self) -> None:
        """Run until the process ends."""
        while True:
            with self._change:
                self._change.wait_for(lambda: bool(self._tenures))
                self._change.wait_for(lambda: self._hurried, self._pause())
                hurried, self._hurried = self._hurried, False
                tenures = list(self._tenures.values())
            try:
                if hurried or time.monotonic() >= self._due:
                    self._renew(tenures)
                    if hurried:
                        self._freed.set()
                elif not self._backoff.failures:
                    self._look(tenures)
            except DatabaseUnavailable as error:
                self._fail(error)
            # whatever it is, the runs are frozen in time if it persists
            except Exception as error:
                if not self._backoff.failures:
                    logger.exception("the keeper of leases failed")
                self._fail(error)

    def _pause(self) -> float:
        until_due = max(self._due - time.monotonic(), 0.0)
        return until_due if self._backoff.failures else min(until_due, LOOK_EVERY)

    def _fail(self, error: Exception) -> None:
        if not self._backoff.failures:
            logger.warning("leases cannot be renewed: %s", error)
        self._due = time.monotonic() + self._backoff.fail()

    def _renew(self, tenures: list[Tenure]) -> None:
        sent = time.monotonic()
        beats = [tenure.beat for tenure in tenures]
        requests = store.renew(self._database, self._worker_id, beats, self._lease)
        if self._backoff.failures:
            logger.warning("leases are renewed again")
        self._backoff.reset()
        self._due = sent + self._lease / RENEWALS
        for tenure, beat in zip(tenures, beats, strict=True):
            if tenure.run_id in requests:
                if tenure.first_step == beat.first_step:
                    tenure.first_step = None
                tenure.stop_request = requests[tenure.run_id]
                tenure.renewed_at = sent
            else:
                tenure.fenced = True

    def _look(self, tenures: list[Tenure]) -> None:
        owned = store.stop_requests(self._database, self._worker_id)
        by_attempt = {(run.run_id, run.attempt): run.stop_request for run in owned}
        for tenure in tenures:
            found = by_attempt.get((tenure.run_id, tenure.attempt))
            if found is not None:
                tenure.stop_request = found
