"""`Supervision`: one attempt from its claim to its end, in one thread of the worker."""

import json
import logging
import time

from bptt.execution.assignment import Assignment, News, Order
from bptt.execution.execute import isotime
from bptt.records.documents import FailureDocument, RunDocument
from bptt.records.ownership import ClaimedRun
from bptt.run_folder import RunFolder
from bptt.worker.context import WorkerContext
from bptt.worker.lease import EXPIRE_AFTER, FREEZE_AFTER, Tenure
from bptt.worker.process import Process
from bptt.worker.verdict import Ending, conclude

logger = logging.getLogger(__name__)

POLL = 0.2
"""Seconds between two checks of a silent process."""
GRACE = 10.0
"""Seconds that a run has to save itself when it is cancelled or held."""
GRACE_OF_DRAIN = 60.0
"""... when the worker ends."""
LAST_WORDS = 2.0
"""Seconds between SIGTERM and SIGKILL."""
FROZEN_AT_MOST = 900.0
"""Seconds a process stays frozen before it is killed, to free its memory and its GPU."""


class Supervision:
    """Starts the process of an attempt, keeps its lease, acts on requests and reports its end.

    Args:
        context: the worker.
        claimed: the run.
        slot: which trains it.
        claimed_at: just before the claim was sent, on the monotonic clock.
    """

    def __init__(
        self, context: WorkerContext, claimed: ClaimedRun, slot: int, claimed_at: float
    ) -> None:
        self._context = context
        self._claimed = claimed
        self._slot = slot
        self._tenure: Tenure = context.keeper.add(claimed.run_id, claimed.attempt, claimed_at)
        self._folder = RunFolder.of_attempt(context.settings.runs, claimed.run_id, claimed.attempt)
        self._tenure.step = self._tenure.checkpoint_step = claimed.checkpoint_step
        self._told_at = claimed_at
        self._began = False
        self._asked_at: float | None = None
        self._frozen_at = 0.0
        self._ending = Ending()

    def run(self) -> bool:
        """Do all of it; return when the slot is free and the database knows how it went.

        Returns:
            Whether there was a process at all; if not, the next attempt may fare no better.
        """
        try:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            process = Process(self._assignment())
        except BaseException as error:
            self._ending.not_started = f"its process could not be started: {error}"
        else:
            try:
                self._watch(process)
            finally:
                process.close()
        finally:
            self._tenure.ended = True
            try:
                conclude(self._context, self._tenure, self._folder, self._ending)
            finally:
                self._context.keeper.remove(self._tenure)
        return not self._ending.not_started

    def _assignment(self) -> Assignment:
        claimed, settings = self._claimed, self._context.settings
        run = RunDocument(
            run_id=claimed.run_id,
            name=claimed.name,
            project=claimed.project,
            spec=dict(claimed.spec),
            identity=claimed.identity,
            data=claimed.data,
            plugins=dict(claimed.plugins),
            code=None if claimed.code is None else dict(claimed.code),
            files=dict(claimed.files),
            user=claimed.user,
            created_at=isotime(claimed.created_at),
            grid_id=claimed.grid_id,
            number=claimed.number,
            values=dict(claimed.values),
            config=claimed.config,
        )
        return Assignment(
            runs=settings.runs,
            run_id=claimed.run_id,
            attempt=claimed.attempt,
            run=run,
            checkpoint_seconds=settings.checkpoint_seconds,
            deadline=self._deadline(),
            memory_bytes=self._context.memory_bytes(),
            gpu=self._context.gpu(self._slot),
            retry_of=claimed.retry_of,
        )

    def _deadline(self) -> float:
        return self._tenure.renewed_at + self._context.lease * EXPIRE_AFTER

    def _watch(self, process: Process) -> None:
        while self._ending.exit_code is None:
            for news in process.wait(POLL):
                self._hear(news)
            self._ending.exit_code = process.exit_code()
            if self._ending.exit_code is None:
                self._keep_exclusive(process)
                self._heed_requests(process)
        self._ending.with_template = process.died_with_template()
        for news in process.wait(0):
            self._hear(news)

    def _hear(self, news: News) -> None:
        match news.kind:
            case "begun":
                if news.step != self._claimed.checkpoint_step:
                    self._tenure.first_step = news.step
            case "progress":
                first = news.step > 0 and not self._began
                self._tenure.step_seconds = news.step_seconds
                self._tenure.checkpoint_step = news.checkpoint_step
                self._tenure.step = news.step
                if first:
                    self._began = True
                    # other runs of its grid may wait for this
                    self._context.keeper.hurry()
            case "note":
                self._ending.notes.append(news.text)
                logger.warning("%s: %s", self._claimed.run_id, news.text)
            case "failure":
                self._ending.failure = FailureDocument(**json.loads(news.text))

    def _keep_exclusive(self, process: Process) -> None:
        """See to it that the process trains only while the run is certainly ours."""
        now, renewed_at = time.monotonic(), self._tenure.renewed_at
        late = now - renewed_at >= self._context.lease * FREEZE_AFTER
        if self._tenure.fenced:
            process.kill()
        elif process.frozen and not late:
            process.thaw(self._deadline())
            logger.warning("%s: thawed", self._claimed.run_id)
        elif process.frozen and now - self._frozen_at > FROZEN_AT_MOST:
            self._ending.given_up = "the database was away for too long"
            process.kill()
        elif late and not process.frozen:
            process.freeze()
            self._frozen_at = now
            logger.warning("%s: frozen until the database is back", self._claimed.run_id)
        elif not late and renewed_at > self._told_at:
            process.order(Order("deadline", self._deadline()))
            self._told_at = renewed_at

    def _heed_requests(self, process: Process) -> None:
        requested = self._tenure.stop_request != "none"
        if self._context.killing.is_set():
            self._ending.given_up = "killed, because its worker had to end"
            process.kill()
        if not requested and not self._context.draining.is_set():
            return
        now = time.monotonic()
        if process.frozen:
            # it could not hear the question, and may not go on before the database is back
            self._ending.given_up = "its worker ended while the database was away"
            process.kill()
        if self._asked_at is None:
            self._asked_at = now
            self._ending.asked = self._tenure.stop_request if requested else "drain"
            process.order(Order("stop"))
        over = now - self._asked_at - (GRACE if requested else GRACE_OF_DRAIN)
        if over > LAST_WORDS:
            process.kill()
        elif over > 0:
            self._ending.given_up = "killed, because it did not stop when it was asked to"
            process.terminate()
