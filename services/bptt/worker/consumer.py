"""`Consumer`: Celery's worker, in a thread of ours, so that its end does not end us."""

import logging
import threading
import time
from typing import Any

from bptt import job_queue
from bptt.backoff import Backoff
from bptt.worker.context import WorkerContext
from bptt.worker.slot_loop import SlotLoop

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds until it is restarted; they double."""


class Consumer(threading.Thread):
    """Receives tokens; restarted whenever Celery gives up.

    Args:
        context: the worker.
        loop: what a token wakes.
    """

    def __init__(self, context: WorkerContext, loop: SlotLoop) -> None:
        super().__init__(name="bptt-consumer", daemon=True)
        self._context = context
        self._app = job_queue.make_app(context.settings, loop.on_token)

    def run(self) -> None:
        """Run until the worker drains."""
        from celery.worker import state  # type: ignore[import-untyped]

        # its threads look for the task in the app of the process, not in that of its worker
        self._app.set_default()
        if not (broker := job_queue.check_broker(self._context.settings)).up:
            logger.warning("%s Slots look for work by themselves.", broker.detail)
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        while not self._context.draining.is_set():
            state.should_stop = state.should_terminate = None
            began = time.monotonic()
            try:
                self._serve()
            # slots look for work on their own until it is back
            except Exception:
                logger.exception("Celery failed")
            if not self._context.draining.wait(backoff.end(time.monotonic() - began)):
                logger.warning("Celery is started again")

    def stop(self) -> None:
        """Make it end once no slot is busy any more."""
        from celery.worker import state

        state.should_stop = 0

    def _serve(self) -> None:
        worker: Any = self._app.WorkController(
            pool="threads",
            concurrency=self._context.slots.count,
            hostname=f"{self._context.worker_id}@bptt",
            without_gossip=True,
            without_mingle=True,
            quiet=True,
        )
        worker.start()
