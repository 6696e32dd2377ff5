"""Routes that bring work: a grid, more points of one, and what did not succeed once more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bptt import store
from bptt.api.answers import Changed, Preview, Retried, Submission
from bptt.api.asking import Asker
from bptt.api.estimates import expected_slots, seconds_for
from bptt.api.orders import Extend, GridText, Retry, Submit
from bptt.api.permission import OwnGrid, OwnRun, refuse_more_urgent_runs, refuse_urgency
from bptt.api.preview import preview
from bptt.api.routing import new_router
from bptt.api.service import Service, Shared
from bptt.store.records import Submitted

if TYPE_CHECKING:
    from bptt.run_file import GridRequest

router = new_router("submission")


@router.post("/preview")
def preview_grid(order: GridText, service: Shared) -> Preview:
    """Check a grid file and describe its points; queue nothing."""
    request = _read(order.source, order.filename, order.overrides)
    described = preview(request)
    slots = expected_slots(service, store.queue_status(service.database))
    seconds = seconds_for(service, described.flops, slots, len(request))
    return described.model_copy(update={"seconds": seconds, "slots": slots})


@router.post("/grids", status_code=201)
def submit(order: Submit, asker: Asker, service: Shared) -> Submission:
    """Queue a grid: all of its points, or none."""
    refuse_urgency(asker, order.urgency)
    request = _read(order.source, order.filename, order.overrides)
    submitted = store.submit_grid(
        service.database,
        user=asker.name,
        request=request,
        source=order.source,
        filename=order.filename,
        overrides=order.overrides,
        force=order.force,
        hold=order.hold,
        priority=order.priority,
        urgency=order.urgency,
    )
    return _answer(service, submitted, request)


@router.post("/grids/{grid}/extend")
def extend(grid_id: OwnGrid, order: Extend, asker: Asker, service: Shared) -> Submission:
    """Add the points that a grid lacks.

    Read the grid's own file, or the one given, with the overrides on top of its own.
    """
    refuse_more_urgent_runs(asker, store.get_grid(service.database, grid_id).urgency)
    stored = store.grid_source(service.database, grid_id)
    source = stored.source if order.source is None else order.source
    overrides = [*stored.overrides, *order.overrides] if order.source is None else order.overrides
    request = _read(source, order.filename or stored.filename, overrides)
    submitted = store.extend_grid(
        service.database,
        user=asker.name,
        grid_id=grid_id,
        request=request,
        source=source,
        overrides=overrides,
    )
    return _answer(service, submitted, request)


@router.post("/grids/{grid}/fill")
def fill(grid_id: OwnGrid, asker: Asker, service: Shared) -> Changed:
    """Queue a new run for every point that lacks a result.

    The points whose run failed, was cancelled or was deleted.
    """
    store.ensure_user(service.database, asker.name)
    filled = store.fill_grid(service.database, user=asker.name, grid_id=grid_id)
    service.wake()
    return Changed(runs=filled)


@router.post("/grids/{grid}/retry")
def retry_grid(grid_id: OwnGrid, order: Retry, asker: Asker, service: Shared) -> Retried:
    """Run again what failed."""
    store.ensure_user(service.database, asker.name)
    run_ids = store.retry(
        service.database, user=asker.name, grid_id=grid_id, only_failed=not order.cancelled
    )
    service.wake()
    return Retried(run_ids=run_ids)


@router.post("/runs/{run}/retry")
def retry_run(run_id: OwnRun, asker: Asker, service: Shared) -> Retried:
    """Run again a run that failed or was cancelled."""
    store.ensure_user(service.database, asker.name)
    run_ids = store.retry(service.database, user=asker.name, run_id=run_id, only_failed=False)
    service.wake()
    return Retried(run_ids=run_ids)


def _read(source: str, filename: str, overrides: Sequence[str]) -> "GridRequest":
    # what reads files comes only where one is given
    from bptt.run_file import read_grid_text

    return read_grid_text(source, filename, overrides)


def _answer(service: Service, submitted: Submitted, request: "GridRequest") -> Submission:
    queue = store.queue_status(service.database)
    slots = expected_slots(service, queue)
    work = store.grid_work(service.database, submitted.grid_id)
    left = work.total_work - work.done_work
    answer = Submission(
        grid_id=submitted.grid_id,
        name=submitted.name,
        project=submitted.project,
        points=submitted.points,
        queued=submitted.queued,
        reused=dict(submitted.reused),
        existing=submitted.existing,
        packs=request.packs(),
        notes=list(request.notes),
        seconds=seconds_for(service, left, slots, submitted.points),
        slots=slots,
        workers=len(queue.workers),
    )
    service.wake()
    return answer
