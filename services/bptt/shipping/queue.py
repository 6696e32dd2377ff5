"""`QueueRounds`: what runs of a queue have committed goes to MLflow, and how their grids stand."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bptt import store, tracking
from bptt.errors import DatabaseUnavailable, RunUnshippable, TrackingUnavailable
from bptt.records.shipping import ToShip
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.shipping.drawing import drawing
from bptt.shipping.grids import GridShipping
from bptt.shipping.outbox import AT_ONCE, Outbox, unwritten_for
from bptt.shipping.rounds import Rounds
from bptt.store import Database
from bptt.tracking.run.context import Phase, RunContext

logger = logging.getLogger(__name__)

LOOK = 0.5
"""Seconds between two checks for a free processor while pictures wait for one."""
LOST_EVERY = 60.0
"""Seconds between two checks whether MLflow still has what was sent last."""
AT_IT = 10.0
"""Seconds for which a run is left to another process that is shipping it."""
DRAWN_WITHIN = 120.0
"""Seconds for which an ended run's pictures wait while all processors are training."""


class QueueRounds(Rounds[ToShip]):
    """Sends every run of which MLflow is missing something, then describes their grids.

    A run that cannot be sent for its own reason is left out, and the reason recorded.

    Args:
        settings: which home, and which MLflow.
        database: which runs there are.
        worker_id: whose runs are sent while they train; empty: nobody's.
    """

    def __init__(self, settings: Settings, database: Database, worker_id: str) -> None:
        super().__init__()
        self.settings = settings
        self.database = database
        self.worker_id = worker_id
        self.grids = GridShipping(settings, database)
        self.outbox = Outbox(settings, database, worker_id, self.aside)
        self.waiting = False
        """Whether pictures wait until some processor is not training."""
        self.visited: list[str] = []
        """Runs that the last round visited, in order."""
        self.completed = 0
        """How many of them are now completely in MLflow."""
        self._figures_first = False
        """Whether the pictures of a run that has just ended may wait."""
        self._lost_at = 0.0

    def go(self) -> str:
        """Visit each run once; return why something was left over, empty if nothing was."""
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
        self.waiting, self._figures_first = False, busy
        items = self.outbox.next()
        if busy:
            return self._visit_in_turn(items)
        undrawn = self._undrawn(items)
        with drawing(undrawn) as drawn:
            if undrawn:
                # figures come first, and while the first pictures are drawn
                self._figures_first = True
                for item in items:
                    if not item.mlflow_run_id and self.attempt(item):
                        break
                self.waiting = self._figures_first = False
            return self._visit_in_turn(items, drawn)

    @property
    def has_more(self) -> bool:
        """Whether the last round was full and sent something: the next may begin at once."""
        return len(self.visited) >= AT_ONCE and self.completed > 0

    def may_draw(self) -> bool:
        """Say whether pictures have waited and need not wait any longer."""
        return self.waiting and not _is_busy(store.training(self.database, self.worker_id))

    def rest(self, seconds: float) -> None:
        """Wait for the next round, but no longer than pictures have to."""
        if self.trouble:
            time.sleep(seconds)
            return
        until = time.monotonic() + (0.0 if self.has_more else seconds)
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK, left))
            # if it is away the next round says so
            with suppress(DatabaseUnavailable):
                if self.may_draw():
                    return

    def path_of(self, run: ToShip) -> Path:
        return self.settings.runs / run.run_id

    def leave_out(self, run: ToShip, why: str) -> None:
        # `bptt ship` reports it to its user
        if self.worker_id:
            logger.warning("shipping: %s", why)
        store.mark_unshippable(self.database, run.run_id, why)

    def take_back(self, run: ToShip) -> None:
        self.grids.describe_again(run.grid_id)

    def visit(self, run: ToShip) -> None:
        phase = _phase_of(run)
        folder = self.outbox.folder(run.run_id)
        if folder is None:
            self._without_folder(run)
            return
        ended = phase != "training"
        waits = self._figures_first and ended and unwritten_for(folder) < DRAWN_WITHIN
        self.waiting |= waits
        context = RunContext(phase, lambda: self.grids.parent(run), pictures=not waits)
        state = tracking.ship(folder, tracking.target_of(self.settings), context)
        self.completed += state.complete
        if ended and not state.complete:
            # its pictures wait, or somebody else is shipping it
            left = DRAWN_WITHIN - unwritten_for(folder)
            self.outbox.pass_over(run.run_id, left if waits else AT_IT, undrawn=waits)
        new = state.mlflow_run_id != (run.mlflow_run_id or "")
        if state.complete or new:
            store.mark_shipped(
                self.database,
                run.run_id,
                mlflow_run_id=state.mlflow_run_id,
                complete=state.complete,
                instead_of=run.mlflow_run_id,
            )

    def _visit_in_turn(
        self, items: Sequence[ToShip], drawn: Callable[[str], None] = lambda run_id: None
    ) -> str:
        """Visit them once their pictures are drawn; describe their grids meanwhile and after."""
        grid_ids = {item.grid_id for item in items}
        troubles: list[str] = []

        # abandoned once MLflow accepts nothing
        def in_turn() -> Iterator[ToShip]:
            for item in items:
                if self._figures_first and self.may_draw():
                    break
                drawn(item.run_id)
                self.visited.append(item.run_id)
                yield item
                if self.grids.is_time():
                    troubles.append(self.grids.go(grid_ids))
            troubles.append(self.grids.go(grid_ids))

        trouble = self.visit_all(in_turn())
        return next(filter(None, reversed(troubles)), trouble)

    def _find_lost(self) -> None:
        """Have everything sent again that MLflow once had but has lost."""
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
            # for unfinished ones it is unknown how much it has
            tracking.forget(self.outbox.underway(), target)
            self.grids = GridShipping(self.settings, self.database)
        self._lost_at = time.monotonic() + LOST_EVERY

    def _without_folder(self, item: ToShip) -> None:
        if (self.settings.runs / item.run_id).exists():
            # its processes died before they started
            if item.status in ("failed", "cancelled"):
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
            # what is wrong with a folder is reported when it is shipped
            with suppress(OSError):
                folder = self.outbox.folder(item.run_id)
                if folder and folder.is_finished and not folder.images.exists():
                    undrawn.append(folder)
        return undrawn


def _phase_of(run: ToShip) -> Phase:
    if run.status == "running":
        return "training"
    # one that succeeded has a result in its folder, which says so
    return run.status if run.status in ("failed", "cancelled") else "unknown"


def _is_busy(training: int) -> bool:
    return training >= (os.cpu_count() or 1)
