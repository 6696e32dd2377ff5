"""`Outbox`: which runs are sent next, and which are left alone for a while."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from bptt import store
from bptt.records.shipping import ToShip
from bptt.run_folder import RunFolder, attempts
from bptt.settings import Settings
from bptt.shipping.set_aside import SetAside
from bptt.store import Database

AT_ONCE = 48
"""Runs of one round: those that end meanwhile wait no longer than these take."""
PAGE = 1000
ELSEWHERE = 60.0
"""Seconds until a run whose folder is not on this machine is looked for again."""


@dataclass
class Outbox:
    """Chooses runs, fairly between users, and remembers those that have to wait.

    Args:
        settings: which home.
        database: which runs there are.
        worker_id: whose runs are sent while they train.
        aside: runs that cannot be sent until they are repaired.
    """

    settings: Settings
    database: Database
    worker_id: str
    aside: SetAside
    _until: dict[str, float] = field(default_factory=dict)
    """When skipped runs have their turn again, on the monotonic clock."""

    def next(self) -> list[ToShip]:
        """Return the runs of one round: those training here, then those whose turn it is."""
        now = time.monotonic()
        self._until = {run_id: until for run_id, until in self._until.items() if until > now}
        found: list[ToShip] = []
        while not found and (page := self._page()):
            found = [item for item in page if self._is_here(item)]
        ended = [item for item in found if item.status != "running"]
        training = [item for item in found if item.status == "running"]
        return training + ended[:AT_ONCE] + self._mended()

    def pass_over(self, run_id: str, seconds: float) -> None:
        """Leave a run alone for a while, although nothing is wrong with it."""
        self._until[run_id] = time.monotonic() + seconds

    def has_ended(self) -> bool:
        """Say whether a run has ended that can be sent."""
        found = store.unshipped(self.database, limit=1, without=list(self._until))
        return bool(found)

    def sent(self) -> Iterator[RunFolder]:
        """Yield the folders of runs of which MLflow has everything, the newest first."""
        before = None
        while page := store.shipped(self.database, before=before, limit=PAGE):
            for _, run_id in page:
                with suppress(OSError):
                    if folder := self.folder(run_id):
                        yield folder
            before = page[-1][0]

    def underway(self) -> list[RunFolder]:
        """Return the folders of runs of which MLflow has a part."""
        folders = []
        for item in store.unshipped(self.database, limit=PAGE, worker_id=self.worker_id):
            with suppress(OSError):
                if item.mlflow_run_id and (folder := self.folder(item.run_id)):
                    folders.append(folder)
        return folders

    def folder(self, run_id: str) -> RunFolder | None:
        """Return the newest attempt that has begun and is on this machine.

        Raises:
            OSError: its folder cannot be looked at.
        """
        begun = (
            folder
            for folder in attempts(self.settings.runs, run_id)
            if (folder.path / "run.json").exists()
        )
        return next(begun, None)

    def _page(self) -> list[ToShip]:
        return store.unshipped(
            self.database, limit=PAGE, worker_id=self.worker_id, without=list(self._until)
        )

    def _is_here(self, item: ToShip) -> bool:
        """Say whether a run may have a folder here; with a shared database, others' runs do not."""
        if self.database.file is not None or (self.settings.runs / item.run_id).exists():
            return True
        self.pass_over(item.run_id, ELSEWHERE)
        return False

    def _mended(self) -> list[ToShip]:
        """Return the runs that could not be sent but may be sendable by now."""
        if not self.aside.is_time():
            return []
        damaged = store.unshipped(self.database, limit=PAGE, worker_id=self.worker_id, damaged=True)
        return [
            item for item in damaged if self.aside.is_worth_a_try(self.settings.runs / item.run_id)
        ]
