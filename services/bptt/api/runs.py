"""Routes of runs: list them, read what they said, steer one of them."""

from typing import Annotated, Any

from fastapi import Query

from bptt import store
from bptt.api.answers import Attempt, Event, Log, Run, RunDetail
from bptt.api.asking import Asker
from bptt.api.folders import read_log
from bptt.api.grids import Limit
from bptt.api.permission import OwnRun
from bptt.api.routing import new_router
from bptt.api.service import Shared
from bptt.lifecycle import HINTS, Status

router = new_router("runs")


@router.get("/runs")
def list_runs(
    service: Shared,
    grid: str | None = None,
    status: Annotated[list[Status] | None, Query()] = None,
    limit: Limit = 100,
    after: str | None = None,
) -> list[Run]:
    """List runs, of all grids or of one.

    The next page is what follows `after`, the last run of this one.
    """
    grid_id = None if grid is None else store.find_grid(service.database, grid)
    rows = store.list_runs(
        service.database, grid_id=grid_id, status=status, limit=limit, after=after
    )
    return [Run.model_validate(row) for row in rows]


@router.get("/runs/{run}")
def get_run(run: str, service: Shared) -> RunDetail:
    """One run with its history."""
    run_id = store.find_run(service.database, run)
    row = store.get_run(service.database, run_id)
    waiting = None
    if row.status in ("queued", "held"):
        _, waiting = store.position(service.database, run_id)
    return RunDetail(
        run=Run.model_validate(row),
        attempts=[
            Attempt.model_validate(attempt) for attempt in store.attempts(service.database, run_id)
        ],
        waiting=waiting,
        hint=_hint(run_id, row.failure),
    )


def _hint(run_id: str, failure: Any) -> str | None:
    hint = HINTS.get(failure["cause"]) if failure else None
    return hint.format(run=run_id) if hint else None


@router.get("/runs/{run}/events")
def events(run: str, service: Shared) -> list[Event]:
    """The history of a run."""
    run_id = store.find_run(service.database, run)
    return [Event.model_validate(e) for e in store.events(service.database, run_id=run_id)]


@router.get("/runs/{run}/log")
def log(
    run: str,
    service: Shared,
    attempt: Annotated[int | None, Query(ge=1)] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Log:
    """What an attempt of a run said, from a byte on.

    Of the newest attempt, unless another one is asked for.
    """
    run_id = store.find_run(service.database, run)
    row = store.get_run(service.database, run_id)
    attempts = store.attempts(service.database, run_id)
    return read_log(service.settings.runs, row, attempts, attempt, offset)


@router.post("/runs/{run}/cancel")
def cancel(run_id: OwnRun, asker: Asker, service: Shared) -> Run:
    """Cancel a run.

    A running one is cancelled once its process is gone; until then it is asked to stop.
    """
    store.cancel_run(service.database, run_id, asker.name)
    return Run.model_validate(store.get_run(service.database, run_id))


@router.post("/runs/{run}/hold")
def hold(run_id: OwnRun, asker: Asker, service: Shared) -> Run:
    """Keep a run from beginning, or let it stop and wait."""
    store.hold_run(service.database, run_id, asker.name)
    return Run.model_validate(store.get_run(service.database, run_id))


@router.post("/runs/{run}/release")
def release(run_id: OwnRun, asker: Asker, service: Shared) -> Run:
    """Let a held run begin."""
    store.release_run(service.database, run_id, asker.name)
    service.wake()
    return Run.model_validate(store.get_run(service.database, run_id))
