"""`SlotLoop`: claim, train, claim again, until nothing is left; whoever wakes it."""

import logging
import threading
import time

from bptt import store
from bptt.errors import DatabaseUnavailable
from bptt.worker.context import Post
from bptt.worker.supervision import Supervision

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds after a process that could not be started: this machine is short of something."""


class SlotLoop:
    """The work of a slot. Tokens call it in Celery's threads, the tick in threads of its own."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self.token_at = time.monotonic()
        """When the last token came."""

    def on_token(self) -> None:
        """Look for work because somebody said so."""
        self.token_at = time.monotonic()
        self.work()

    def start(self, threads: int) -> None:
        """Look for work without a token, in so many threads."""
        for _ in range(threads):
            threading.Thread(target=self.work, name="bptt-slot", daemon=True).start()

    def work(self) -> None:
        """Take a slot, if one is free, and keep it while there is something to train."""
        slot = self._post.slots.acquire()
        if slot is None:
            return
        try:
            while not self._post.draining.is_set() and self._train_one(slot):
                pass
        except DatabaseUnavailable as error:
            logger.warning("slot %s cannot claim: %s", slot, error)
        # the thread is Celery's or ends with this; the tick wakes the slot again
        except Exception:
            logger.exception("slot %s failed", slot)
        finally:
            self._post.slots.release(slot)

    def _train_one(self, slot: int) -> bool:
        """Claim one run and train it; say whether there was one."""
        post = self._post
        # the tick ends the worker once the upgrade is over
        if not post.room.look() or post.preloaded.changed():
            return False
        claimed_at = time.monotonic()
        claimed = store.claim(
            post.database, worker_id=post.worker_id, slot=slot, lease_seconds=post.lease
        )
        if claimed is None:
            return False
        logger.info(
            "%s: attempt %s begins in slot %s (%s)",
            *(claimed.run_id, claimed.attempt, slot, claimed.name),
        )
        if not Supervision(post, claimed, slot, claimed_at).run():
            post.draining.wait(PAUSE)
        return True
