"""The process that sends to MLflow what the runs of this home have committed.

Started by a worker as `python -m bptt.shipping.rounds WORKER`. It ships what that worker trains
and every run that has ended here; of several that come to one folder, one ships it.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bptt import store, tracking
from bptt.deleted_folders import finish_deletions
from bptt.errors import BpttError, DatabaseUnavailable, RunUnshippable, TrackingUnavailable
from bptt.host import yield_processor
from bptt.run_folder import RunFolder
from bptt.settings import Settings, read_settings
from bptt.shipping.drawing import drawing
from bptt.shipping.grids import GridShipping
from bptt.shipping.outbox import AT_ONCE, Outbox, unwritten_for
from bptt.store import Database
from bptt.store.shipping_records import ToShip
from bptt.tracking.faults import told
from bptt.tracking.run.visit import Ended

logger = logging.getLogger(__name__)

NICE = 10
INTERVAL = 5.0
"""Seconds between two rounds."""
LOOK = 0.5
"""Seconds between two looks whether a processor is free, while pictures wait for one."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0
"""Seconds until the next round after one that failed; they double."""
LOST_EVERY = 60.0
"""Seconds between two looks whether MLflow still has what was sent last."""
TIDY_EVERY = 300.0
"""Seconds between two looks for folders that an interrupted delete has left."""
AT_IT = 10.0
"""Seconds for which a run is left to another process that is at it."""
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
    outbox: Outbox = field(init=False)
    waiting: bool = field(default=False, init=False)
    """Whether pictures wait until no run is trained on some processor."""
    visited: list[str] = field(default_factory=list, init=False)
    """Runs that the last round came to, in its order."""
    completed: int = field(default=0, init=False)
    """How many of them MLflow has wholly since."""
    _lost_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.grids = GridShipping(self.settings, self.database)
        self.outbox = Outbox(self.settings, self.database, self.worker_id)

    def go(self) -> str:
        """Visit each run once; return why something was left, empty if nothing was.

        A run that cannot be sent for a reason of its own is left out, and written down with it.
        """
        self.visited, self.completed = [], 0
        if trouble := tracking.hindrance(self.settings):
            return trouble
        try:
            self._find_lost()
        except TrackingUnavailable as error:
            return str(error)
        # drawing takes as long as training a small run
        busy = _is_busy(store.training(self.database, self.worker_id))
        if not busy:
            self.outbox.admit_undrawn()
        self.waiting = False
        items = self.outbox.next()
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

    @property
    def has_more(self) -> bool:
        """Whether the last round was full and sent something: the next may begin at once."""
        return len(self.visited) >= AT_ONCE and self.completed > 0

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
            self.visited.append(item.run_id)
            trouble = problem or trouble
            failures = failures + 1 if problem else 0
            # one may be the run's own fault, two in a row are MLflow's
            if failures > 1:
                return trouble
            if self.grids.is_time():
                trouble = self.grids.go(grid_ids) or trouble
        return self.grids.go(grid_ids) or trouble

    def _tried(self, item: ToShip, wait: bool) -> str:
        """Visit a run; return why something was left that MLflow is to blame for."""
        try:
            self._visit(item, wait)
        except RunUnshippable as error:
            self._leave_out(item, str(error))
        except TrackingUnavailable as error:
            return str(error)
        # a folder that cannot be looked at
        except OSError as error:
            self._leave_out(item, f"Run {item.run_id} cannot be sent to MLflow: {told(error)}")
        else:
            if self.outbox.take_back(item.run_id):
                self.grids.describe_again(item.grid_id)
        return ""

    def _leave_out(self, item: ToShip, why: str) -> None:
        # who gives `bptt ship` is told by it
        if self.worker_id:
            logger.warning("shipping: %s", why)
        self.outbox.leave_out(item.run_id, why)

    def _find_lost(self) -> None:
        """Have everything sent again that MLflow once had and has no more."""
        if time.monotonic() < self._lost_at:
            return
        target = tracking.target_of(self.settings)
        lost = tracking.find_lost(self.outbox.sent(), target)
        if lost:
            logger.warning(
                "shipping: MLflow at %s has lost %d runs; they are sent again",
                target.uri,
                len(lost),
            )
        unsure = tracking.find_forgotten(self.outbox.sent(), target, everywhere=bool(lost))
        if again := tracking.forget([*lost, *unsure], target):
            store.mark_unshipped(self.database, [folder.run_id for folder in again])
        if lost:
            # of those that were under way nobody knows how far it has them
            tracking.forget(self.outbox.underway(), target)
            self.grids = GridShipping(self.settings, self.database)
        self._lost_at = time.monotonic() + LOST_EVERY

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
        ended: Ended | None = item.status if item.status in ("failed", "cancelled") else None
        folder = self.outbox.folder(item.run_id)
        if folder is None:
            self._without_folder(item, ended)
            return
        target = tracking.target_of(self.settings)
        running = item.status == "running" or None
        waits = wait and not running and unwritten_for(folder) < DRAWN_WITHIN
        self.waiting |= waits
        state = tracking.ship(
            *(folder, target),
            training=running,
            ended=ended,
            parent=lambda: self.grids.parent(item),
            pictures=not waits,
        )
        self.completed += state.complete
        if not running and not state.complete:
            # its pictures wait, or somebody else is at it
            left = DRAWN_WITHIN - unwritten_for(folder)
            self.outbox.pass_over(item.run_id, left if waits else AT_IT, undrawn=waits)
        new = state.mlflow_run_id != (item.mlflow_run_id or "")
        if state.complete or new:
            store.mark_shipped(
                self.database,
                item.run_id,
                mlflow_run_id=state.mlflow_run_id,
                complete=state.complete,
                instead_of=item.mlflow_run_id,
            )

    def _without_folder(self, item: ToShip, ended: Ended | None) -> None:
        if (self.settings.runs / item.run_id).exists():
            # its processes died before they began
            if ended:
                known = item.mlflow_run_id or ""
                store.mark_shipped(self.database, item.run_id, mlflow_run_id=known, complete=True)
        elif self.database.file is not None and item.status != "running":
            # on a shared database a run that is not here is another machine's
            raise RunUnshippable(
                f"Run {item.run_id} cannot be sent to MLflow: its folder "
                f"{self.settings.runs / item.run_id} is gone."
            )

    def _undrawn(self, items: Sequence[ToShip]) -> list[RunFolder]:
        """Return the folders of runs with a result whose pictures are not there."""
        ended = [item for item in items if item.status not in ("running", "failed", "cancelled")]
        undrawn = []
        for item in ended:
            # what is wrong with a folder is told by who ships it
            with suppress(OSError):
                folder = self.outbox.folder(item.run_id)
                if folder and folder.is_finished and not folder.images.exists():
                    undrawn.append(folder)
        return undrawn


def _is_busy(training: int) -> bool:
    return training >= (os.cpu_count() or 1)


def main(worker_id: str) -> None:
    """Ship until the worker that started this process is gone."""
    threading.Thread(target=_end_with_worker, daemon=True).start()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    yield_processor(NICE)
    settings = read_settings()
    shipping = Round(settings, store.open_database(settings.database), worker_id)
    failures, before, tidy_at = 0, None, 0.0
    while True:
        try:
            if time.monotonic() >= tidy_at:
                tidy_at = time.monotonic() + TIDY_EVERY
                finish_deletions(settings.runs, shipping.database)
            trouble = shipping.go()
            if trouble != before:
                store.tell_shipping(shipping.database, worker_id, trouble)
        # of this program's settings or its database: told, and tried again
        except BpttError as error:
            trouble = str(error)
        # one line per outage
        if trouble and trouble != before:
            logger.warning("shipping: %s", trouble)
        before = trouble
        failures = failures + 1 if trouble else 0
        if failures:
            time.sleep(min(FIRST_WAIT * 2.0 ** min(failures - 1, 10), LONGEST_WAIT))
            continue
        try:
            if not shipping.has_more:
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
