"""The MLflow client of this process, quiet and safe to start from several processes at once."""

import fcntl
import logging
import os
import shutil
import sqlite3
import warnings
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bptt.errors import TrackingUnavailable
from bptt.imported import importing
from bptt.measuring.table import MLFLOW_ONLY, SCALARS
from bptt.tracking import database, environment
from bptt.tracking.target import Target

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, Run, RunTag

QUIET = ("alembic", "huey", "mlflow", "sqlalchemy", "urllib3")
"""Loggers whose warnings would otherwise reach the terminal through Python's last resort."""

FINAL = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
"""Error codes that a repeated request would get again; everything else is worth another try."""


def connect(target: Target) -> "MlflowClient":
    """Return a client; imports mlflow (1.3 s) and creates the database if there is none (2 s).

    Each call makes sure that the database is still there: one that was removed is recreated.

    Raises:
        TrackingMismatch: the database is of another version of MLflow, or of something else.
        TrackingUnavailable: it is locked.
    """
    if target.home and not database.is_there(target.home / "mlflow.db"):
        _make_database(target.home)
    return _client(target)


@lru_cache(maxsize=4)
def _client(target: Target) -> "MlflowClient":
    _prepare()
    with importing():
        from mlflow import MlflowClient

    return MlflowClient(tracking_uri=target.address, registry_uri=target.address)


def _prepare() -> None:
    """Prepare for importing mlflow."""
    environment.prepare_client()
    for name in QUIET:
        logging.getLogger(name).addHandler(logging.NullHandler())
    # if mlflow was imported before, its log, even of tables it creates, is on the terminal
    logging.getLogger("mlflow.store").setLevel(logging.WARNING)
    # mlflow uses a loader that SQLAlchemy 2.1 deprecates; only mlflow can fix that
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"mlflow\.")


class RunDeleted(TrackingUnavailable):
    """Someone deleted the run in MLflow, which therefore takes nothing more for it."""


class RunMissing(TrackingUnavailable):
    """MLflow does not know the run, because its database is new."""


def send(
    client: "MlflowClient", run_id: str, entries: "Sequence[Metric | Param | RunTag]"
) -> list[str]:
    """Log entries (at most 1000) and return what MLflow refuses for good.

    Returns:
        One line per refused entry: what it was and MLflow's reason.

    Raises:
        RunDeleted, RunMissing: not the entries are refused, but the run.
    """
    from mlflow.exceptions import MlflowException

    try:
        return _send_halving(client, run_id, entries, halve=False)
    except MlflowException as error:
        if error.error_code not in FINAL:
            raise
    require_run(client, run_id)
    return _send_halving(client, run_id, entries, halve=True)


JOURNALLED = tuple({row.section for row in SCALARS} - {row.section for row in MLFLOW_ONLY})
"""What names of metrics begin with whose steps are updates."""


def points_of(client: "MlflowClient", run: "Run") -> set[tuple[str, int]]:
    """Return key and step of every point that MLflow has of a run's journal."""
    keys = [key for key in run.data.metrics if key.startswith(JOURNALLED)]
    return {
        (key, point.step)
        for key in keys
        for point in client.get_metric_history(run.info.run_id, key)
    }


def require_run(client: "MlflowClient", run_id: str) -> None:
    """Make sure that a run can be written to.

    Raises:
        RunDeleted, RunMissing: it cannot, and never will.
    """
    from mlflow.exceptions import MlflowException

    try:
        stage = client.get_run(run_id).info.lifecycle_stage
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise RunMissing from error
        raise
    if stage == "deleted":
        raise RunDeleted


def _send_halving(
    client: "MlflowClient", run_id: str, entries: "Sequence[Metric | Param | RunTag]", halve: bool
) -> list[str]:
    """Log entries; if they are refused, halve them until the bad ones are isolated."""
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException

    try:
        client.log_batch(
            run_id,
            metrics=[entry for entry in entries if isinstance(entry, Metric)],
            params=[entry for entry in entries if isinstance(entry, Param)],
            tags=[entry for entry in entries if isinstance(entry, RunTag)],
            synchronous=True,
        )
    except MlflowException as error:
        if not halve or error.error_code not in FINAL:
            raise
        if len(entries) == 1:
            return [f"{entries[0]}: {error.message}"]
        middle = len(entries) // 2
        first = _send_halving(client, run_id, entries[:middle], halve)
        return first + _send_halving(client, run_id, entries[middle:], halve)
    return []


def _make_database(home: Path) -> None:
    """Create MLflow's database if there is none, so that it appears complete or not at all.

    MLflow migrates a new file in some forty steps. Two processes doing so at the same time, or one
    that dies meanwhile, would leave a file that no version of MLflow can use or repair.
    """
    _prepare()
    from mlflow import MlflowClient

    home.mkdir(parents=True, exist_ok=True)
    with (home / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if database.is_there(home / "mlflow.db"):
            return
        workshop = home / "mlflow.new"
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir()
        uri = database.address_of(workshop / "made.db")
        MlflowClient(tracking_uri=uri, registry_uri=uri)
        with closing(sqlite3.connect(workshop / "made.db")) as made:
            made.execute("VACUUM INTO ?", (str(workshop / "whole.db"),))
        database.remove_remains(home / "mlflow.db")
        os.replace(workshop / "whole.db", home / "mlflow.db")
        shutil.rmtree(workshop)
