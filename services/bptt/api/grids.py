"""Routes of existing grids: list them, follow them, steer them."""

from dataclasses import asdict

from bptt import store
from bptt.api.answers import (
    AxisValues,
    Cancelled,
    Changed,
    Deleted,
    GridFile,
    Progress,
    Times,
    Waiting,
)
from bptt.api.asking import Asker
from bptt.api.content import remove_unread
from bptt.api.estimates import grid_times, slots_of, why_unknown
from bptt.api.orders import SetPriority
from bptt.api.parameters import InQuery, Limit
from bptt.api.permission import OwnGrid, refuse_urgency
from bptt.api.reading import NamedGrid
from bptt.api.routing import new_router
from bptt.api.service import Shared
from bptt.api.troubles import troubles_of
from bptt.deleted_folders import delete_folders, finish_deletions
from bptt.records.grids import Grid

router = new_router("grids")

RUNNING_AT_MOST, WAITING_AT_MOST, FAILED_AT_MOST = 50, 3, 5
"""Runs that the progress of a grid names."""
FAILED_READ = 200
"""Up to so many failures, the latest ones are named; with more, the latest are not searched for."""


@router.get("/grids")
def list_grids(service: Shared, user: InQuery | None = None, limit: Limit = 50) -> list[Grid]:
    """List grids, the newest first."""
    return store.list_grids(service.database, user=user, limit=limit)


@router.get("/grids/{grid}")
def get_grid(grid_id: NamedGrid, service: Shared) -> Grid:
    """One grid."""
    return store.get_grid(service.database, grid_id)


@router.get("/grids/{grid}/file")
def grid_file(grid_id: NamedGrid, service: Shared) -> GridFile:
    """What submits a grid again: its file, with the overrides that it was submitted with in it."""
    # the code that reads files is imported only if one is asked for
    from bptt.run_file.submitted import as_submitted

    name = store.get_grid(service.database, grid_id).name
    return GridFile(text=as_submitted(store.grid_source(service.database, grid_id), name))


@router.get("/grids/{grid}/axes")
def grid_axes(grid_id: NamedGrid, service: Shared) -> list[AxisValues]:
    """What varies between the points of a grid."""
    return [AxisValues(**axis) for axis in store.grid_axes(service.database, grid_id)]


@router.get("/grids/{grid}/progress")
def progress(grid_id: NamedGrid, service: Shared) -> Progress:
    """How far a grid has got, and what is waiting for what."""
    database = service.database
    row, work = store.get_grid(database, grid_id), store.grid_work(database, grid_id)
    queue = store.queue_status(database)
    held = bool(row.held_reason)
    times = Times() if held and not work.running else grid_times(service, work, queue)
    waiting = store.list_runs(database, grid_id=grid_id, status="queued", limit=WAITING_AT_MOST)
    running = store.list_runs(database, grid_id=grid_id, status="running", limit=RUNNING_AT_MOST)
    failed = store.list_runs(database, grid_id=grid_id, status="failed", limit=FAILED_READ)
    failed.sort(key=lambda run: run.finished_at or 0.0, reverse=True)
    places = [store.position(database, run.run_id) for run in waiting]
    underway = sum(part.work * part.step / part.steps for part in work.running if part.steps)
    return Progress(
        grid=row,
        share=min((work.done_work + underway) / work.total_work, 1.0) if work.total_work else 0.0,
        **asdict(times),
        why_unknown=None if times.seconds is not None else why_unknown(work, queue, held),
        slots=slots_of(queue),
        busy=sum(worker.busy for worker in queue.workers),
        running=running,
        waiting=[
            Waiting(run=run, before=before, why=why)
            for run, (before, why) in zip(waiting, places, strict=True)
        ],
        failed=failed[:FAILED_AT_MOST],
        troubles=troubles_of(service, queue, grid_id),
    )


@router.post("/grids/{grid}/cancel")
def cancel(grid_id: OwnGrid, asker: Asker, service: Shared) -> Cancelled:
    """Cancel every run of a grid that has not ended."""
    at_once, asked = store.cancel_grid(service.database, grid_id, asker.name)
    return Cancelled(cancelled=at_once, stopping=asked)


@router.post("/grids/{grid}/hold")
def hold(grid_id: OwnGrid, asker: Asker, service: Shared) -> Changed:
    """Start no further runs of a grid."""
    return Changed(runs=store.hold_grid(service.database, grid_id, asker.name))


@router.post("/grids/{grid}/release")
def release(grid_id: OwnGrid, asker: Asker, service: Shared) -> Changed:
    """Let the held runs of a grid start."""
    released = store.release_grid(service.database, grid_id, asker.name)
    service.wake()
    return Changed(runs=released)


@router.post("/grids/{grid}/priority")
def priority(grid_id: OwnGrid, order: SetPriority, asker: Asker, service: Shared) -> Grid:
    """Move a grid among those of its user."""
    refuse_urgency(asker, order.urgency)
    store.set_priority(service.database, grid_id, order.priority, order.urgency, actor=asker.name)
    return store.get_grid(service.database, grid_id)


@router.delete("/grids/{grid}")
def delete(grid_id: OwnGrid, asker: Asker, service: Shared) -> Deleted:
    """Delete a grid, its runs and their folders."""
    run_ids = store.delete_grid(service.database, grid_id, asker.name)
    folders = delete_folders(service.settings.runs, run_ids)
    remove_unread(service)
    # from interrupted deletions
    finish_deletions(service.settings.runs, service.database)
    return Deleted(runs=len(run_ids), folders=folders)
