"""What a request with a grid file asks for: everything that imports plugins or grows with the grid.

On one's own machine each of these runs in this process; where a server does it for others, in a
process of its own, with limits (`drafting`).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from bptt import store
from bptt.api.answers import Preview, Submission, Times
from bptt.api.asking import Person
from bptt.api.content import files_of
from bptt.api.desk import Desk
from bptt.api.estimates import expected_slots, measured, seconds_of_kernels, times_of
from bptt.api.orders import Extend, GridText, Submit
from bptt.api.pace import Pace
from bptt.api.permission import refuse_more_urgent_runs
from bptt.api.preview import outlined, preview
from bptt.errors import ContentNeeded
from bptt.records.grids import Submitted
from bptt.run_file import Files, GridRequest, outline_grid_text, read_grid_text
from bptt.run_file.machine import relative_speed
from bptt.store.content import refuse_beyond

if TYPE_CHECKING:
    from bptt.comparison.extending import ToJudge


def draft_preview(desk: Desk, order: GridText, asker: Person) -> Preview:
    """Check a grid file and describe its points."""
    files = files_of(desk.service, asker.name, order.files, only_looks=True)
    try:
        request = _read(desk, asker, order.source, order.filename, order.overrides, files)
    except ContentNeeded as needed:
        if needed.names:
            raise
        found = outline_grid_text(order.source, order.filename, order.overrides, files)
        return outlined(found)
    described = preview(request)
    foreseen = store.foresee_submission(desk.service.database, asker.name, request, order.force)
    slots = expected_slots(desk.service.settings, store.queue_status(desk.service.database))
    times = _times(desk, request, slots, share=foreseen.queued / foreseen.points)
    return replace(described, **asdict(times), slots=slots, foreseen=foreseen)


def draft_submission(desk: Desk, order: Submit, asker: Person) -> Submission:
    """Queue a grid: all of its points, or none."""
    files = files_of(desk.service, asker.name, order.files)
    request = _read(desk, asker, order.source, order.filename, order.overrides, files)
    submitted = store.submit_grid(
        desk.service.database,
        user=asker.name,
        request=request,
        source=order.source,
        filename=order.filename,
        overrides=order.overrides,
        force=order.force,
        hold=order.hold,
        priority=order.priority,
        urgency=order.urgency,
        library=desk.service.library,
    )
    return _answer(desk, submitted, request)


def draft_extension(desk: Desk, order: Extend, grid_id: str, asker: Person) -> Submission:
    """Add the points that a grid lacks."""
    refuse_more_urgent_runs(asker, store.get_grid(desk.service.database, grid_id).urgency)
    stored = store.grid_source(desk.service.database, grid_id)
    source, overrides = order.source, order.overrides
    if source is None:
        source, overrides = stored.source, [*stored.overrides, *order.overrides]
    judged = None
    if order.tuned:
        # numpy is imported only if somebody compares
        from bptt.api.judging import judging_points

        judged = judging_points(desk.service, grid_id, order)
        overrides = [*overrides, f"seeds={json.dumps(list(judged.seeds))}"]
    known = stored.files if order.source is None else None
    files = files_of(desk.service, asker.name, order.files, known)
    filename = order.filename or stored.filename
    request = _read(desk, asker, source, filename, overrides, files)
    submitted = store.extend_grid(
        desk.service.database,
        user=asker.name,
        grid_id=grid_id,
        request=request,
        source=source,
        overrides=overrides,
        library=desk.service.library,
        only=_only(judged) if judged else None,
        dry_run=order.dry_run,
    )
    if judged is None and not order.dry_run:
        return _answer(desk, submitted, request)
    # not all of the request, or not queued
    answer = _answer(desk, submitted, request, submitted.queued / len(request))
    return replace(answer, notes=[*([judged.said] if judged else []), *answer.notes])


def _only(judged: "ToJudge") -> store.Only:
    return store.Only(
        judged.values, judged.seeds, judged.chosen, judged.tuned, judged.by, judged.choosing
    )


def _read(
    desk: Desk,
    asker: Person,
    source: str,
    filename: str,
    overrides: Sequence[str],
    files: Files,
) -> GridRequest:
    service = desk.service
    try:
        request = read_grid_text(source, filename, overrides, files)
    except ContentNeeded as needed:
        lacking = {n.sha256: n.size for n in files.used.values() if n.sha256 in needed.hashes}
        held = store.bytes_sent(service.database, asker.name) if lacking else 0
        # before megabytes are on their way
        refuse_beyond(service.quota, held, sum(lacking.values()), asker.name)
        raise ContentNeeded(needed.names, needed.hashes, service.largest_file) from None
    desk.checked()
    return request


def _times(desk: Desk, request: GridRequest, slots: int, share: float) -> Times:
    pace = Pace(measured(desk.service.database), relative_speed())
    first = seconds_of_kernels(desk.service.settings, request) if desk.service.is_near else 0.0
    return times_of(request, pace, slots, share, first)


def _answer(
    desk: Desk, submitted: Submitted, request: GridRequest, share: float | None = None
) -> Submission:
    """Return what became of a request; `share` of its work is left, by default as of the grid's."""
    queue = store.queue_status(desk.service.database)
    slots = expected_slots(desk.service.settings, queue)
    if share is None:
        work = store.grid_work(desk.service.database, submitted.grid_id)
        left = work.total_work - work.done_work
        share = left / work.total_work if work.total_work else 0.0
    return Submission(
        **asdict(submitted),
        **asdict(_times(desk, request, slots, share)),
        notes=list(request.notes),
        slots=slots,
        workers=len(queue.workers),
    )
