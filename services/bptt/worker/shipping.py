"""The process that sends to MLflow what the runs of this home have committed.

Started by a worker as `python -m bptt.worker.shipping WORKER`. It ships what that worker trains
and every run that has ended here; of several that come to one folder, one ships it.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bptt import store, tracking
from bptt.errors import BpttError, DatabaseUnavailable, TrackingUnavailable
from bptt.run_folder import RunFolder, attempts
from bptt.settings import Settings, read_settings
from bptt.store import Database
from bptt.store.records import ToShip
from bptt.worker.drawing import drawing
from bptt.worker.grid_shipping import GridShipping
from bptt.worker.host import yield_processor

logger = logging.getLogger(__name__)

NICE = 10
INTERVAL = 5.0
"""Seconds between two rounds."""
LOOK = 0.5
"""Seconds between two looks whether a processor is free, while pictures wait for one."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0
"""Seconds until the next round after one that failed; they double."""
AT_ONCE = 1000
"""Runs looked at in one round."""
DRAWN_WITHIN = 120.0
"""Seconds after the end of a run within which its pictures wait while all processors train."""


@dataclass
class Round:
    """Ships every run that MLflow lacks something of, then what there is to say of their grids.

    Args:
        settings: which home, and which MLflow.
        database: which runs there are.
        worker_id: whose runs are shipped while they train.
    """

    settings: Settings
    database: Database
    worker_id: str
    grids: GridShipping = field(init=False)
    waiting: bool = field(default=False, init=False)
    """Whether pictures wait until no run is trained on some processor."""

    def __post_init__(self) -> None:
        self.grids = GridShipping(self.settings, self.database)

    def go(self) -> str:
        """Visit each run once; return why something was left, empty if nothing was."""
        items = store.unshipped(self.database, limit=AT_ONCE, worker_id=self.worker_id)
        # drawing takes as long as training a small run
        busy = _is_busy(sum(item.status == "running" for item in items))
        self.waiting = False
        if busy:
            return self._visit_all(items, busy)
        undrawn = self._undrawn(items)
        with drawing(undrawn) as drawn:
            if undrawn:
                # figures come first, and while the first pictures are drawn
                for item in items:
                    if not item.mlflow_run_id and self._tried(item, wait=True):
                        break
                self.waiting = False
            return self._visit_all(items, busy, drawn)

    def _visit_all(
        self,
        items: Sequence[ToShip],
        busy: bool,
        drawn: Callable[[str], None] = lambda run_id: None,
    ) -> str:
        """Visit them once their pictures are drawn; return why something was left."""
        grid_ids = {item.grid_id for item in items}
        failures = 0
        trouble = ""
        for item in items:
            if busy and self.may_draw():
                break
            drawn(item.run_id)
            problem = self._tried(item, busy)
            trouble = problem or trouble
            failures = failures + 1 if problem else 0
            # one may be the run's own fault, two in a row are MLflow's
            if failures > 1:
                return trouble
            if self.grids.is_time():
                trouble = self.grids.go(grid_ids) or trouble
        return self.grids.go(grid_ids) or trouble

    def _tried(self, item: ToShip, wait: bool) -> str:
        """Visit a run; return why something was left, empty if nothing was."""
        try:
            self._visit(item, wait)
        except TrackingUnavailable as error:
            return str(error)
        return ""

    def may_draw(self) -> bool:
        """Say whether pictures have waited and need not any longer."""
        return self.waiting and not _is_busy(store.training(self.database, self.worker_id))

    def rest(self, seconds: float) -> None:
        """Wait for the next round, but no longer than pictures have to."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK, left))
            if self.may_draw():
                return

    def _visit(self, item: ToShip, wait: bool) -> None:
        ended = item.status if item.status in ("failed", "cancelled") else None
        folder = self._folder(item)
        if folder is None:
            # its processes died before they began; a run that is not here at all is another home's
            if ended and (self.settings.runs / item.run_id).exists():
                known = item.mlflow_run_id or ""
                store.mark_shipped(self.database, item.run_id, mlflow_run_id=known, complete=True)
            return
        target = tracking.target_of(self.settings)
        running = item.status == "running" or None
        waits = wait and not running and _unwritten_for(folder) < DRAWN_WITHIN
        self.waiting |= waits
        state = tracking.ship(
            *(folder, target),
            training=running,
            ended=ended,
            parent=lambda: self.grids.parent(item),
            pictures=not waits,
        )
        new = state.mlflow_run_id != (item.mlflow_run_id or "")
        if state.complete or new:
            store.mark_shipped(
                self.database,
                item.run_id,
                mlflow_run_id=state.mlflow_run_id,
                complete=state.complete,
            )

    def _undrawn(self, items: Sequence[ToShip]) -> list[RunFolder]:
        """Return the folders of runs with a result whose pictures are not there."""
        ended = [item for item in items if item.status not in ("running", "failed", "cancelled")]
        folders = [folder for item in ended if (folder := self._folder(item))]
        return [f for f in folders if f.is_finished and not f.images.exists()]

    def _folder(self, item: ToShip) -> RunFolder | None:
        """Return the newest attempt that has begun and lies on this machine."""
        begun = (
            folder
            for folder in attempts(self.settings.runs, item.run_id)
            if (folder.path / "run.json").exists()
        )
        return next(begun, None)


def _is_busy(training: int) -> bool:
    return training >= (os.cpu_count() or 1)


def _unwritten_for(folder: RunFolder) -> float:
    """Return the seconds since the run last wrote down a figure."""
    try:
        return time.time() - folder.journal.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def main(worker_id: str) -> None:
    """Ship until the worker that started this process is gone."""
    threading.Thread(target=_end_with_worker, daemon=True).start()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    yield_processor(NICE)
    settings = read_settings()
    shipping = Round(settings, store.open_database(settings.database), worker_id)
    failures = 0
    while True:
        try:
            trouble = shipping.go()
        except DatabaseUnavailable as error:
            trouble = str(error)
        # one line per outage
        if trouble and not failures:
            logger.warning("shipping: %s", trouble)
        failures = failures + 1 if trouble else 0
        if failures:
            time.sleep(min(FIRST_WAIT * 2.0 ** min(failures - 1, 10), LONGEST_WAIT))
            continue
        try:
            shipping.rest(INTERVAL)
        except DatabaseUnavailable:
            # the next round says so
            time.sleep(INTERVAL)


def _end_with_worker() -> None:
    # not by way of sys.stdin, whose lock would be in the way of an exit
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except BpttError as problem:
        sys.exit(str(problem))
