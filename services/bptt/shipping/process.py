"""The process that sends to MLflow what the runs of this home have committed.

Started by a worker as `python -m bptt.shipping.process WORKER`. It ships what that worker trains
and every run that has ended here; if several processes come to one folder, only one ships it.
"""

import logging
import os
import sys
import threading
import time

from bptt.imported import importing

with importing():
    from bptt import store
    from bptt.deleted_folders import finish_deletions
    from bptt.errors import BpttError
    from bptt.host import yield_processor
    from bptt.settings import Settings, read_settings
    from bptt.shipping.queue import QueueRounds
    from bptt.store import Database

logger = logging.getLogger(__name__)

NICE = 10
TIDY_EVERY = 300.0
"""Seconds between two searches for folders left by an interrupted delete."""


class WorkersRounds(QueueRounds):
    """Rounds beside a worker, which everybody may hear of."""

    def __init__(self, settings: Settings, database: Database, worker_id: str) -> None:
        super().__init__(settings, database, worker_id)
        self._tidy_at = 0.0
        self._told: str | None = None
        """What the database has been told; nothing yet."""

    def go(self) -> str:
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_EVERY
            finish_deletions(self.settings.runs, self.database)
        trouble = super().go()
        if trouble != self._told:
            store.tell_shipping(self.database, self.worker_id, trouble)
            self._told = trouble
        return trouble

    def round(self) -> float:
        before = self.trouble
        seconds = super().round()
        # one line per outage
        if self.trouble and self.trouble != before:
            logger.warning("shipping: %s", self.trouble)
        return seconds


def main(worker_id: str) -> None:
    """Ship until the worker that started this process is gone."""
    threading.Thread(target=_end_with_worker, daemon=True).start()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    yield_processor(NICE)
    settings = read_settings()
    WorkersRounds(settings, store.open_database(settings.database), worker_id).run()


def _end_with_worker() -> None:
    # not through sys.stdin, whose lock would block an exit
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except BpttError as problem:
        sys.exit(str(problem))
