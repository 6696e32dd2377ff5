"""MLflow's database in the home, written to as MLflow's own store writes, but a visit at a time.

MLflow makes an object of each point, asks for what is there before each insertion and commits after
every call: twenty times for a run, 70 ms of processor time. Here all of a visit is one transaction.
What MLflow might refuse or change is left to MLflow, and so is a database whose tables are others.
"""

import re
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Self

from bptt.tracking.client import RunDeleted, RunMissing
from bptt.tracking.database import LOCKED_AT_MOST
from bptt.tracking.run.parcel import Parcel
from bptt.tracking.run.rows import MetricValue
from bptt.tracking.target import Target

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "experiments": ("experiment_id", "name", "artifact_location", "lifecycle_stage", "workspace"),
    "runs": (
        *("run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id"),
        *("status", "start_time", "end_time", "deleted_time", "source_version"),
        *("lifecycle_stage", "artifact_uri", "experiment_id"),
    ),
    "tags": ("key", "value", "run_uuid"),
    "params": ("key", "value", "run_uuid"),
    "metrics": ("key", "value", "timestamp", "run_uuid", "step", "is_nan"),
    "latest_metrics": ("key", "value", "timestamp", "step", "is_nan", "run_uuid"),
}
"""What this file writes; MLflow's tables of runs must have no other columns."""
MAY_HAVE_MORE = ("experiments",)
PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*(/[A-Za-z0-9_][A-Za-z0-9_. -]*)*")
"""Keys that MLflow certainly takes as they are."""
KEY_AT_MOST, TAG_AT_MOST, PARAM_AT_MOST = 200, 4000, 4000
"""Characters that it certainly keeps."""
NAME_AT_MOST = 200

ADD_POINT = (
    "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
RENEW_LATEST = (
    "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, "
    "timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan "
    "WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)"
)
SET_TAG = (
    "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?) "
    "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
)
ADD_PARAM = "INSERT OR IGNORE INTO params (key, value, run_uuid) VALUES (?, ?, ?)"
ADD_RUN = (
    "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, "
    "status, start_time, source_version, lifecycle_stage, artifact_uri, experiment_id) "
    "VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)"
)
FIND_RUN = (
    "SELECT runs.run_uuid FROM tags JOIN runs ON runs.run_uuid = tags.run_uuid "
    "WHERE tags.key = 'bptt.run_id' AND tags.value = ? AND runs.experiment_id = ? "
    "AND runs.lifecycle_stage = 'active' ORDER BY runs.start_time DESC, runs.run_uuid LIMIT 1"
)
FIND_EXPERIMENT = (
    "SELECT experiment_id, artifact_location FROM experiments "
    "WHERE name = ? AND workspace = 'default' AND lifecycle_stage = 'active'"
)

Row = tuple[str, float, int, str, int, bool]
"""Key, value, time, run, step and whether the value is NaN, which MLflow stores as 0."""


class HomeDatabase:
    """The tables of runs in MLflow's database.

    Args:
        file: the database.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def of(cls, target: Target) -> Self | None:
        """Return the database of a target; None if it is a server's, or has other tables."""
        if target.home is None:
            return None
        file = target.home / "mlflow.db"
        there = file.stat()
        return cls(file) if _is_known(file, there.st_dev, there.st_ino) else None

    def takes(self, parcel: Parcel) -> bool:
        """Say whether MLflow would store all of this as it is."""
        keys = {*parcel.params, *parcel.tags, *(value.key for value in parcel.values)}
        return (
            all(len(key) <= KEY_AT_MOST and PLAIN_KEY.fullmatch(key) for key in keys)
            and all(len(value) <= TAG_AT_MOST for value in parcel.tags.values())
            and all(len(value) <= PARAM_AT_MOST for value in parcel.params.values())
        )

    def find_or_create(
        self, experiment: str, run_id: str, started: int, name: str, tags: Mapping[str, str]
    ) -> tuple[str, bool] | None:
        """Return MLflow's id of a run, and whether it was there; create it if it was not.

        Args:
            experiment: its name.
            run_id: the run's own.
            started: milliseconds since the epoch.
            name: what MLflow calls it.
            tags: of a new one.

        Returns:
            None if MLflow has to do it: there is no such experiment yet, or its artifacts are
            somewhere else.
        """
        if len(name) > NAME_AT_MOST or not name or not self.takes(Parcel(tags=dict(tags))):
            return None
        with self._changing() as database:
            row = database.execute(FIND_EXPERIMENT, (experiment,)).fetchone()
            if row is None or not str(row[1]).startswith("file:///") or set("?#") & set(row[1]):
                return None
            number, place = row
            if found := database.execute(FIND_RUN, (run_id, number)).fetchone():
                return str(found[0]), True
            made = uuid.uuid4().hex
            uri = f"{place.rstrip('/')}/{made}/artifacts"
            user = tags.get("mlflow.user", "unknown")
            database.execute(ADD_RUN, (made, name, user, started, uri, number))
            all_tags = {**tags, "mlflow.runName": name}
            database.executemany(SET_TAG, [(*pair, made) for pair in all_tags.items()])
        return made, False

    def place_of(self, run_id: str) -> str:
        """Return where the artifacts of a run are, as a URI.

        Raises:
            RunDeleted, RunMissing: it cannot be written to.
        """
        with closing(self._connected()) as database:
            return _of_active(database, run_id)

    def write(self, run_id: str, parcel: Parcel) -> None:
        """Store everything or nothing; what is there already stays as it is.

        Raises:
            RunDeleted, RunMissing: the run cannot be written to.
        """
        points = [_row(value, run_id) for value in parcel.values]
        latest: dict[str, Row] = {}
        for row in points:
            if row[0] not in latest or _moment(row) > _moment(latest[row[0]]):
                latest[row[0]] = row
        with self._changing() as database:
            _of_active(database, run_id)
            database.executemany(ADD_PARAM, [(*pair, run_id) for pair in parcel.params.items()])
            database.executemany(ADD_POINT, points)
            database.executemany(RENEW_LATEST, latest.values())
            database.executemany(SET_TAG, [(*pair, run_id) for pair in parcel.tags.items()])
            if parcel.status:
                set_status = "UPDATE runs SET status = ? WHERE run_uuid = ?"
                database.execute(set_status, (parcel.status, run_id))
            if parcel.has_ended:
                ended = parcel.ended_at or int(time.time() * 1000)
                set_end = "UPDATE runs SET end_time = ? WHERE run_uuid = ?"
                database.execute(set_end, (ended, run_id))

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connected()) as database:
            # at once, because a reader that begins to write may find that it cannot
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def _connected(self) -> sqlite3.Connection:
        # never creates one: MLflow's was there a moment ago
        uri = f"{self._file.absolute().as_uri()}?mode=rw"
        database = sqlite3.connect(uri, uri=True, timeout=LOCKED_AT_MOST, isolation_level=None)
        database.execute("PRAGMA foreign_keys = ON")
        return database


@lru_cache(maxsize=4)
def _is_known(file: Path, *which: int) -> bool:
    """Say whether a file's tables are those that we know; a new file of its name is another one."""
    del which
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
        for table, columns in COLUMNS.items():
            there = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            if not there >= set(columns) or (there != set(columns) and table not in MAY_HAVE_MORE):
                return False
    return True


def _of_active(database: sqlite3.Connection, run_id: str) -> str:
    which = "SELECT lifecycle_stage, artifact_uri FROM runs WHERE run_uuid = ?"
    row = database.execute(which, (run_id,)).fetchone()
    if row is None:
        raise RunMissing
    if row[0] == "deleted":
        raise RunDeleted
    return str(row[1])


def _row(value: MetricValue, run_id: str) -> Row:
    is_nan = value.value != value.value
    return value.key, 0.0 if is_nan else value.value, value.time, run_id, value.step, is_nan


def _moment(row: Row) -> tuple[int, int, float]:
    """Return what MLflow orders the points of one key by."""
    return row[4], row[2], row[1]
