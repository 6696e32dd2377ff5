"""What the application answers, as both ends understand it; a newer end may send more."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bptt.lifecycle import Status, StopRequest


class Answer(BaseModel):
    """Made of a record of the store, or of JSON."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)


class Health(Answer):
    """Who answers here."""

    product: Literal["bptt"] = "bptt"
    version: str


class Found(Answer):
    """What an id, its beginning or a name stands for."""

    kind: Literal["grid", "run"]
    id: str
    grid_id: str = ""
    name: str = ""
    user: str = ""
    is_own: bool = True
    note: str | None = None
    """Of a point served by a run of another grid: which one, and whose."""


class Times(Answer):
    """How long something takes, as far as anything tells."""

    seconds: float | None = None
    """Estimated time until all is done; null: nothing tells."""
    least: float | None = None
    most: float | None = None
    """Between these it probably lies."""
    may_stop: bool = False
    """Some runs end earlier if they are solved, which is not counted where none like them were."""


class Submission(Times):
    """What came of a submission, or of more points for a grid."""

    grid_id: str
    name: str
    project: str
    points: int
    queued: int
    """New runs; those of a held submission wait to be released."""
    reused: Mapping[str, int]
    """Points whose finished run was there already, by the user who ran it."""
    existing: bool
    """The same grid was in the queue already, and nothing new was written."""
    notes: Sequence[str]
    """What is no fault and yet probably not meant."""
    slots: int
    """For which the time is estimated: the workers', or those a worker here would have."""
    workers: int
    """That are up."""


class Point(Answer):
    """A point of a grid that has not been queued."""

    number: int
    name: str
    label: str
    values: Mapping[str, Any]
    identity: str


class AxisValues(Answer):
    """What differs between points."""

    path: str
    values: Sequence[Any]
    """In order; of a long axis of a preview the first ones, and the last."""
    within: str | None
    count: int | None = None
    """How many there are; null: those that are told."""


class Preview(Times):
    """A grid, before it is queued."""

    name: str
    project: str
    points: int
    seeds: int
    axes: Sequence[AxisValues]
    updates: int
    """Optimiser updates at most."""
    flops: float
    """Floating point operations at most, counted by a model."""
    first: Sequence[Point]
    last: Sequence[Point]
    """Those at the end that are not among the first."""
    notes: Sequence[str]
    slots: int = 0
    """For which the time is estimated."""
    unsent: Mapping[str, int] = {}
    """Bytes of each file that has not been sent. If there are any, identities and work are not
    known, and faults may be found once they are."""


class Grid(Answer):
    """One grid."""

    grid_id: str
    name: str
    project: str
    user: str
    created_at: float
    points: int
    counts: Mapping[Status, int]
    """Points by the status of their run; statuses without any are left out."""
    missing: int
    """Points whose run was deleted."""
    reused: int
    diverged: int
    priority: int
    urgency: int
    """Class: 0 low, 1 normal, 2 urgent."""
    held_reason: str | None
    """Why the grid as a whole waits."""
    ended_at: float | None


class Run(Answer):
    """One point of a grid with its run."""

    run_id: str
    grid_id: str
    number: int
    name: str
    config: str
    seed: int
    values: Mapping[str, Any]
    user: str
    status: Status
    stop_request: StopRequest
    attempt: int
    step: int
    steps: int
    step_seconds: float | None
    worker: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    result: Mapping[str, Any] | None
    failure: Mapping[str, Any] | None
    reason: str | None
    retry_of: str | None
    mlflow: str
    mlflow_run_id: str | None
    ship_trouble: str | None = None
    """Why it cannot be sent to MLflow, for a reason of its own."""
    work: float


class Attempt(Answer):
    """One execution of a run."""

    attempt: int
    worker: str
    slot: int
    started_at: float
    ended_at: float | None
    outcome: str | None
    exit_code: int | None
    signal: int | None
    first_step: int
    last_step: int


class Event(Answer):
    """One entry of the history."""

    at: float
    run_id: str | None
    attempt: int | None
    kind: str
    actor: str
    data: Mapping[str, Any]


class RunDetail(Answer):
    """One run with its history."""

    run: Run
    attempts: Sequence[Attempt]
    waiting: str | None
    """Of a queued or held run: why it waits, or its place in the queue."""
    hint: str | None
    """Of a failed run: what to do about it."""
    note: str | None = None
    """If it was asked for as a point of another grid: whose run serves that."""


class Waiting(Answer):
    """A queued run of a grid, and what it waits for."""

    run: Run
    before: int
    """Queued runs that come first, roughly."""
    why: str
    """What keeps it from its turn; its place in the queue if nothing does."""


class Progress(Times):
    """How far a grid is."""

    grid: Grid
    share: float
    """Of the work, 0 to 1."""
    why_unknown: str | None
    """Why there is no estimate."""
    slots: int
    busy: int
    running: Sequence[Run]
    waiting: Sequence[Waiting]
    """The next ones."""
    failed: Sequence[Run]
    """The latest ones."""
    troubles: Sequence[str] = ()
    """What keeps it, or its results, from going on: full disks, runs that cannot be sent."""


class Pages(Answer):
    """Where a browser finds what was measured."""

    address: str
    links: Mapping[str, str]
    """By what is on them; none: MLflow has nothing of it yet."""


class Cancelled(Answer):
    """What a cancel did."""

    cancelled: int
    """Ended at once."""
    stopping: int
    """Asked to stop; each is cancelled once its process is gone."""


class Changed(Answer):
    """How many runs an order concerned."""

    runs: int


class Retried(Answer):
    """The new runs of a retry."""

    run_ids: Sequence[str]


class Deleted(Answer):
    """What a deletion removed."""

    runs: int
    folders: int
    """Folders of runs that were on the server's machine."""


class Log(Answer):
    """A piece of a run's log."""

    attempt: int
    text: str
    next: int
    """Byte behind this piece: where to go on reading."""
    ended: bool
    """Nothing will be added to this attempt's log any more."""
    where: str | None
    """If the log is not on the server's machine: where it is."""
