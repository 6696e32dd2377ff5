"""What was sent but is no longer in MLflow: its database was replaced, or its artifacts are gone.

A database that was removed, or restored from a copy, lacks what was sent last. So it is enough to
ask for the newest runs now and then; only if it has none of them is every run looked for.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from bptt.errors import TrackingUnavailable
from bptt.run_folder import RunFolder
from bptt.tracking.client import connect
from bptt.tracking.faults import reason_of
from bptt.tracking.run.sending import alone
from bptt.tracking.run.state import Shipped
from bptt.tracking.target import Target

if TYPE_CHECKING:
    from mlflow import MlflowClient

WITNESSES = 3
"""Of the newest runs so many are asked for."""
AMONG = 100
"""... which are looked for among so many."""
PAGE = 1000


def find_lost(folders: Iterable[RunFolder], target: Target) -> list[RunFolder]:
    """Return those of the folders that count as shipped to a target but are not there.

    Runs that somebody deleted in MLflow are not lost.

    Args:
        folders: of ended runs, the newest first; looked at only as far as necessary.
        target: which MLflow.

    Raises:
        TrackingUnavailable: MLflow cannot be asked.
    """
    rest = iter(folders)
    try:
        newest = [(f, state) for f in islice(rest, AMONG) if (state := _sent(f, target))]
        sent = chain(newest, ((f, state) for f in rest if (state := _sent(f, target))))
        witnesses = newest[:WITNESSES]
        if not witnesses:
            return []
        client = connect(target)
        found = {state.mlflow_run_id: _state(client, state.mlflow_run_id) for _, state in witnesses}
        if set(found.values()) == {"lost"}:
            held = _held(client)
            return [folder for folder, state in sent if state.mlflow_run_id not in held]
        there = [run_id for run_id, state in found.items() if state == "there"]
        if target.home and there and not any(_has_artifacts(client, one) for one in there):
            return [f for f, state in sent if not _has_artifacts(client, state.mlflow_run_id)]
    except TrackingUnavailable:
        raise
    except Exception as error:
        raise TrackingUnavailable(f"MLflow does not say what it has: {reason_of(error)}") from error
    return []


def find_forgotten(
    folders: Iterable[RunFolder], target: Target, *, everywhere: bool
) -> list[RunFolder]:
    """Return those of the folders that count as shipped and do not say so themselves.

    What they say was damaged; or it was forgotten, see `forget`, and nobody came to the rest.

    Args:
        folders: of ended runs, the newest first, which are forgotten first.
        target: which MLflow.
        everywhere: look at all of them even if none of the newest is so.
    """
    rest = iter(folders)
    found = [folder for folder in islice(rest, AMONG) if _is_forgotten(folder, target)]
    if found or everywhere:
        found += [folder for folder in rest if _is_forgotten(folder, target)]
    return found


def forget(folders: Sequence[RunFolder], target: Target) -> list[RunFolder]:
    """Have runs sent again from the beginning; what MLflow has of them stays as it is.

    Returns:
        Those that nobody else is shipping at this moment.
    """
    forgotten = []
    for folder in folders:
        with alone(folder) as is_ours:
            if is_ours:
                # a run that MLflow still has is found there by its tag
                Shipped(target.uri).write(folder)
                forgotten.append(folder)
    return forgotten


def _sent(folder: RunFolder, target: Target) -> Shipped | None:
    try:
        state = Shipped.remembered(folder)
    except OSError:
        return None
    if state is None or not state.complete or state.deleted or not state.mlflow_run_id:
        return None
    return state if state.target == target.uri else None


def _is_forgotten(folder: RunFolder, target: Target) -> bool:
    try:
        state = Shipped.remembered(folder)
    except OSError:
        return False
    return state is None or (not state.complete and state.target == target.uri)


def _state(client: "MlflowClient", run_id: str) -> str:
    """Return whether a run is `there`, was `deleted` by somebody, or is `lost`."""
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return "lost"
    if run.info.lifecycle_stage == "deleted":
        return "deleted"
    return "there" if run.data.tags.get("bptt.sync") == "complete" else "lost"


def _held(client: "MlflowClient") -> set[str]:
    """Return the ids of all runs that MLflow has completely, or that were deleted there."""
    from mlflow.entities import ViewType

    experiments = [one.experiment_id for one in client.search_experiments(view_type=ViewType.ALL)]
    held: set[str] = set()
    for view, which in (
        (ViewType.ACTIVE_ONLY, "tags.`bptt.sync` = 'complete'"),
        (ViewType.DELETED_ONLY, ""),
    ):
        token = None
        while experiments:
            page = client.search_runs(experiments, which, view, PAGE, page_token=token)
            held.update(run.info.run_id for run in page)
            if not (token := page.token):
                break
    return held


def _has_artifacts(client: "MlflowClient", run_id: str) -> bool:
    """Say whether any file of a run is there, as of every run that was sent to its end."""
    from mlflow.exceptions import MlflowException

    try:
        return bool(client.list_artifacts(run_id))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        # removed for good by somebody, one by one
        return True
