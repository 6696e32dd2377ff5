"""Routes of runs: list them, read their output, steer one of them."""

from typing import Annotated, Any

from fastapi import Query

from bptt import store
from bptt.api.answers import Deleted, Log, RunDetail
from bptt.api.asking import Asker, Reader
from bptt.api.folders import read_log
from bptt.api.parameters import Attempt as AttemptNumber
from bptt.api.parameters import InQuery, Limit, Offset
from bptt.api.permission import OwnRun
from bptt.api.reading import NamedRun
from bptt.api.routing import new_router
from bptt.api.service import Shared
from bptt.deleted_folders import delete_folders, finish_deletions
from bptt.lifecycle import HINTS, Standing
from bptt.measuring.earlier import with_present_figures
from bptt.records.runs import Event, Run

router = new_router("runs")


@router.get("/runs")
def list_runs(
    service: Shared,
    reader: Reader,
    grid: InQuery | None = None,
    status: Annotated[list[Standing] | None, Query()] = None,
    limit: Limit = 100,
    after: InQuery | None = None,
) -> list[Run]:
    """List runs, of all grids or of one; `status` is a status, or how a run ended or is to end.

    The next page starts after `after`, the last run of this one.
    """
    grid_id = None
    if grid is not None:
        grid_id = store.find(service.database, grid, kind="grid", asker=reader).id
    found = store.list_runs(
        service.database, grid_id=grid_id, status=status, limit=limit, after=after
    )
    return with_present_figures(found, service.settings.runs)


@router.get("/runs/{run}")
def get_run(found: NamedRun, service: Shared) -> RunDetail:
    """One run with its history."""
    run_id = found.id
    (row,) = with_present_figures([store.get_run(service.database, run_id)], service.settings.runs)
    waiting = None
    if row.status in ("queued", "held"):
        _, waiting = store.position(service.database, run_id)
    return RunDetail(
        run=row,
        attempts=store.attempts(service.database, run_id),
        waiting=waiting,
        hint=_hint(run_id, row.failure),
        note=found.note,
        others=store.other_programs(service.database, run_id),
    )


def _hint(run_id: str, failure: Any) -> str | None:
    hint = HINTS.get(failure["cause"]) if failure else None
    return hint.format(run=run_id) if hint else None


@router.get("/runs/{run}/events")
def events(found: NamedRun, service: Shared) -> list[Event]:
    """The history of a run."""
    return store.events(service.database, run_id=found.id)


@router.get("/runs/{run}/log")
def log(
    found: NamedRun,
    service: Shared,
    attempt: AttemptNumber | None = None,
    offset: Offset = 0,
) -> Log:
    """The output of an attempt of a run, starting at a byte.

    The newest attempt, unless another one is asked for.
    """
    row = store.get_run(service.database, found.id)
    attempts = store.attempts(service.database, found.id)
    return read_log(service.settings.runs, row, attempts, attempt, offset)


@router.post("/runs/{run}/cancel")
def cancel(run_id: OwnRun, asker: Asker, service: Shared) -> Run:
    """Cancel a run.

    A running one is cancelled once its process is gone; until then it is asked to stop.
    """
    store.cancel_run(service.database, run_id, asker.name)
    return store.get_run(service.database, run_id)


@router.post("/runs/{run}/hold")
def hold(run_id: OwnRun, asker: Asker, service: Shared) -> Run:
    """Keep a run from starting, or make it stop and wait."""
    store.hold_run(service.database, run_id, asker.name)
    return store.get_run(service.database, run_id)


@router.post("/runs/{run}/release")
def release(run_id: OwnRun, asker: Asker, service: Shared) -> Run:
    """Let a held run start."""
    store.release_run(service.database, run_id, asker.name)
    service.wake()
    return store.get_run(service.database, run_id)


@router.delete("/runs/{run}")
def delete(run_id: OwnRun, asker: Asker, service: Shared) -> Deleted:
    """Delete a run that is not running, together with those it repeats, and their folders.

    The point of the grid stays, without a run.
    """
    run_ids = store.delete_run(service.database, run_id, asker.name)
    folders = delete_folders(service.settings.runs, run_ids)
    # from interrupted deletions
    finish_deletions(service.settings.runs, service.database)
    return Deleted(runs=len(run_ids), folders=folders)
