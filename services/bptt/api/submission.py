"""Routes that bring work: a grid, more points of one, and what did not succeed once more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bptt import store
from bptt.api.answers import Changed, Preview, Retried, Submission
from bptt.api.asking import Asker, Person
from bptt.api.content import files_of
from bptt.api.estimates import expected_slots, seconds_for
from bptt.api.orders import Extend, GridText, Retry, Submit
from bptt.api.permission import OwnGrid, OwnRun, refuse_more_urgent_runs, refuse_urgency
from bptt.api.preview import outlined, preview
from bptt.api.routing import new_router
from bptt.api.service import Service, Shared
from bptt.errors import ContentNeeded
from bptt.store.content import refuse_beyond
from bptt.store.records import Submitted

if TYPE_CHECKING:
    from bptt.run_file import Files, GridRequest

router = new_router("submission")


@router.post("/preview")
def preview_grid(order: GridText, asker: Asker, service: Shared) -> Preview:
    """Check a grid file and describe its points; queue nothing and keep nothing.

    Of a file whose content was never sent hash and size are enough; what depends on it is left out.
    """
    files = files_of(service, asker.name, order.files, only_looks=True)
    try:
        request = _read(service, asker, order.source, order.filename, order.overrides, files)
    except ContentNeeded as needed:
        if needed.names:
            raise
        return _outline(order, files)
    described = preview(request)
    slots = expected_slots(service, store.queue_status(service.database))
    seconds = seconds_for(service, described.flops, slots, len(request))
    return described.model_copy(update={"seconds": seconds, "slots": slots})


@router.post("/grids", status_code=201)
def submit(order: Submit, asker: Asker, service: Shared) -> Submission:
    """Queue a grid: all of its points, or none."""
    refuse_urgency(asker, order.urgency)
    files = files_of(service, asker.name, order.files)
    request = _read(service, asker, order.source, order.filename, order.overrides, files)
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
        library=service.library,
    )
    return _answer(service, submitted, request)


@router.post("/grids/{grid}/extend")
def extend(grid_id: OwnGrid, order: Extend, asker: Asker, service: Shared) -> Submission:
    """Add the points that a grid lacks.

    Read the grid's own file, or the one given, with the overrides on top of its own.
    """
    refuse_more_urgent_runs(asker, store.get_grid(service.database, grid_id).urgency)
    stored = store.grid_source(service.database, grid_id)
    source, overrides = order.source, order.overrides
    if source is None:
        source, overrides = stored.source, [*stored.overrides, *order.overrides]
    known = stored.files if order.source is None else None
    files = files_of(service, asker.name, order.files, known)
    filename = order.filename or stored.filename
    request = _read(service, asker, source, filename, overrides, files)
    submitted = store.extend_grid(
        service.database,
        user=asker.name,
        grid_id=grid_id,
        request=request,
        source=source,
        overrides=overrides,
        library=service.library,
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


def _read(
    service: Service,
    asker: Person,
    source: str,
    filename: str,
    overrides: Sequence[str],
    files: "Files",
) -> "GridRequest":
    # what reads files comes only where one is given
    from bptt.run_file import read_grid_text

    try:
        return read_grid_text(source, filename, overrides, files)
    except ContentNeeded as needed:
        lacking = {n.sha256: n.size for n in files.used.values() if n.sha256 in needed.hashes}
        held = store.bytes_sent(service.database, asker.name) if lacking else 0
        # before megabytes are on their way
        refuse_beyond(service.quota, held, sum(lacking.values()), asker.name)
        raise ContentNeeded(needed.names, needed.hashes, service.largest_file) from None


def _outline(order: GridText, files: "Files") -> Preview:
    from bptt.run_file import outline_grid_text

    return outlined(outline_grid_text(order.source, order.filename, order.overrides, files))


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
