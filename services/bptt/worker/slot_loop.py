"""`SlotLoop`: claim, train, claim again, until nothing is left, no matter what woke it."""

import logging
import threading
import time

from bptt import store
from bptt.errors import DatabaseUnavailable
from bptt.worker.context import WorkerContext
from bptt.worker.supervision import Supervision

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds to wait after a process could not be started: this machine is short of something."""


class SlotLoop:
    """The work of a slot. Tokens call it in Celery's threads, the tick in its own threads."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self.token_at = time.monotonic()
        """When the last token came."""

    def on_token(self) -> None:
        """Look for work because somebody said so."""
        self.token_at = time.monotonic()
        self.work()

    def start(self, threads: int) -> None:
        """Look for work without a token, in this many threads."""
        for _ in range(threads):
            threading.Thread(target=self.work, name="bptt-slot", daemon=True).start()

    def work(self) -> None:
        """Take a slot, if one is free, and keep it as long as there is something to train."""
        slot = self._context.slots.acquire()
        if slot is None:
            return
        try:
            while not self._context.draining.is_set() and self._train_one(slot):
                pass
        except DatabaseUnavailable as error:
            logger.warning("slot %s cannot claim: %s", slot, error)
        # the thread is Celery's or ends with this; the tick wakes the slot again
        except Exception:
            logger.exception("slot %s failed", slot)
        finally:
            self._context.slots.release(slot)

    def _train_one(self, slot: int) -> bool:
        """Claim one run and train it; return whether there was one."""
        context = self._context
        # the tick ends the worker once the upgrade is over
        if not context.disk.look() or context.preloaded.changed():
            return False
        claimed_at = time.monotonic()
        claimed = store.claim(
            context.database, worker_id=context.worker_id, slot=slot, lease_seconds=context.lease
        )
        if claimed is None:
            return False
        logger.info(
            "%s: attempt %s begins in slot %s (%s)",
            claimed.run_id,
            claimed.attempt,
            slot,
            claimed.name,
        )
        if not Supervision(context, claimed, slot, claimed_at).run():
            context.draining.wait(PAUSE)
        return True
