"""`QueueRounds`: what runs of a queue have committed goes to MLflow, and how their grids stand."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bptt import store, tracking
from bptt.errors import DatabaseUnavailable, RunUnshippable, TrackingUnavailable
from bptt.records.shipping import ToShip
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.shipping.grids import GridShipping
from bptt.shipping.outbox import AT_ONCE, Outbox
from bptt.shipping.rounds import Rounds
from bptt.store import Database
from bptt.tracking.run.context import Phase, RunContext

logger = logging.getLogger(__name__)

LOOK = 0.5
"""Seconds between two looks for a run that has ended, while a processor is free to send it."""
LOST_EVERY = 60.0
"""Seconds between two checks whether MLflow still has what was sent last."""
AT_IT = 10.0
"""Seconds for which a run is left to another process that is shipping it."""
LIVE_AFTER = 300.0
"""Seconds of training from which on the heat map of a run is drawn now and then."""


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
        self.outbox = Outbox(settings, database, worker_id, self.aside)
        self.grids = GridShipping(settings, database, self.outbox.folder)
        self.visited: list[str] = []
        """Runs that the last round visited, in order."""
        self.completed = 0
        """How many of them are now completely in MLflow."""
        self._busy = False
        """Whether every processor trains."""
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
        self._busy = self._is_busy()
        items = self.outbox.next()
        grid_ids = {item.grid_id for item in items}
        troubles: list[str] = []

        # abandoned once MLflow accepts nothing
        def in_turn() -> Iterator[ToShip]:
            self.grids.may_draw = False
            for item in items:
                self.visited.append(item.run_id)
                yield item
                if self.grids.is_time():
                    troubles.append(self.grids.go(grid_ids))
            # pictures wait until nothing else does, and are of runs that MLflow has
            self.grids.may_draw = not self._is_busy() and not self.outbox.has_ended()
            troubles.append(self.grids.go(grid_ids))

        trouble = self.visit_all(in_turn())
        return next(filter(None, reversed(troubles)), trouble)

    @property
    def has_more(self) -> bool:
        """Whether the last round was full and sent something: the next may begin at once."""
        return len(self.visited) >= AT_ONCE and self.completed > 0

    def rest(self, seconds: float) -> None:
        """Wait for the next round, but no longer than a processor has nothing better to do."""
        if self.trouble:
            time.sleep(seconds)
            return
        until = time.monotonic() + (0.0 if self.has_more else seconds)
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK, left))
            # if it is away the next round says so
            with suppress(DatabaseUnavailable):
                if not self._is_busy() and (self.grids.has_to_draw or self.outbox.has_ended()):
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
        live = not ended and not self._busy and _trained_for(folder) > LIVE_AFTER
        context = RunContext(phase, lambda: self.grids.parent(run), heat_map=live)
        state = tracking.ship(folder, tracking.target_of(self.settings), context)
        self.completed += state.complete
        if ended and not state.complete:
            # somebody else is shipping it
            self.outbox.pass_over(run.run_id, AT_IT)
        new = state.mlflow_run_id != (run.mlflow_run_id or "")
        if state.complete or new:
            store.mark_shipped(
                self.database,
                run.run_id,
                mlflow_run_id=state.mlflow_run_id,
                complete=state.complete,
                instead_of=run.mlflow_run_id,
            )

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
            self.grids = GridShipping(self.settings, self.database, self.outbox.folder)
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

    def _is_busy(self) -> bool:
        return store.training(self.database, self.worker_id) >= (os.cpu_count() or 1)


def _phase_of(run: ToShip) -> Phase:
    if run.status == "running":
        return "training"
    # one that succeeded has a result in its folder, which says so
    return run.status if run.status in ("failed", "cancelled") else "unknown"


def _trained_for(folder: RunFolder) -> float:
    """Return the seconds since a run that is training began."""
    try:
        return time.time() - (folder.path / "run.json").stat().st_mtime
    except FileNotFoundError:
        return 0.0
