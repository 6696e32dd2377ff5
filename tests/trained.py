"""Trains a run that was claimed as a worker's child does, in this process."""

from typing import Any

from bptt.execution.assignment import Assignment
from bptt.execution.attempt import begin_attempt
from bptt.execution.execute import execute, isotime
from bptt.records.documents import RunDocument
from bptt.records.ownership import ClaimedRun
from bptt.settings import Settings


def train_claimed(settings: Settings, run: ClaimedRun) -> dict[str, Any]:
    """Fill the folder of an attempt and return its result."""
    about = RunDocument(
        run_id=run.run_id,
        name=run.name,
        project=run.project,
        spec=dict(run.spec),
        identity=run.identity,
        data=run.data,
        plugins=dict(run.plugins),
        code=run.code,
        user=run.user,
        created_at=isotime(run.created_at),
        grid_id=run.grid_id,
        number=run.number,
        values=dict(run.values),
        config=run.config,
    )
    assignment = Assignment(
        runs=settings.runs,
        run_id=run.run_id,
        attempt=run.attempt,
        run=about,
        checkpoint_seconds=60,
        deadline=0,
        memory_bytes=0,
        gpu="",
        retry_of=run.retry_of,
    )
    folder = begin_attempt(assignment, print)
    result = execute(folder, checkpoint_seconds=60)
    assert result is not None
    return result.as_json()
