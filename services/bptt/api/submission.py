"""Routes that bring work: a grid, more points for one, and retries of what did not succeed."""

from starlette.concurrency import run_in_threadpool

from bptt import store
from bptt.api.answers import Changed, Preview, Retried, Submission
from bptt.api.asking import Asker
from bptt.api.drafting import Drafts, Leaving
from bptt.api.orders import Extend, GridText, Retry, Submit
from bptt.api.permission import OwnGrid, OwnRun, refuse_urgency
from bptt.api.routing import new_router
from bptt.api.service import Shared

router = new_router("submission")


@router.post("/preview")
async def preview_grid(
    order: GridText, asker: Asker, drafting: Drafts, leaving: Leaving
) -> Preview:
    """Check a grid file and describe its points; queue nothing and keep nothing.

    For a file whose content was never sent, hash and size suffice; what depends on it is left out.
    """
    # the code that reads files is imported only if one is given
    from bptt.api.drafts import draft_preview

    return await drafting.make(asker.name, leaving, draft_preview, order, asker)


@router.post("/grids", status_code=201)
async def submit(
    order: Submit, asker: Asker, service: Shared, drafting: Drafts, leaving: Leaving
) -> Submission:
    """Queue a grid: all of its points, or none."""
    from bptt.api.drafts import draft_submission

    refuse_urgency(asker, order.urgency)
    submitted = await drafting.make(asker.name, leaving, draft_submission, order, asker)
    await run_in_threadpool(service.wake)
    return submitted


@router.post("/grids/{grid}/extend")
async def extend(
    grid_id: OwnGrid,
    order: Extend,
    asker: Asker,
    service: Shared,
    drafting: Drafts,
    leaving: Leaving,
) -> Submission:
    """Add the points that a grid lacks.

    Read the grid's own file, or the one given, with these overrides on top of the grid's.
    """
    from bptt.api.drafts import draft_extension

    submitted = await drafting.make(asker.name, leaving, draft_extension, order, grid_id, asker)
    await run_in_threadpool(service.wake)
    return submitted


@router.post("/grids/{grid}/fill")
def fill(grid_id: OwnGrid, asker: Asker, service: Shared) -> Changed:
    """Queue a new run for every point that lacks a result.

    That is, points whose run failed, was cancelled or was deleted.
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
