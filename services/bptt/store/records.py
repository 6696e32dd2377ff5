"""What the store takes and gives: plain values, free of SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bptt.content import Named
from bptt.lifecycle import FailureCause, Status, StopRequest


@dataclass(frozen=True)
class Submitted:
    """What came of a submission."""

    grid_id: str
    name: str
    project: str
    points: int
    queued: int
    """New runs; with `--hold` they are held."""
    reused: Mapping[str, int]
    """Points whose finished run was there already, by the user who ran it."""
    existing: bool = False
    """The same grid was in the queue already: this is that one, and nothing new was written."""


@dataclass(frozen=True)
class ClaimedRun:
    """A run that one slot may train now, until its lease ends."""

    run_id: str
    attempt: int
    """The fencing token: every later write of the owner must carry it."""
    grid_id: str
    number: int
    """Position of the run's point in its grid."""
    name: str
    project: str
    user: str
    spec: Mapping[str, Any]
    """As `RunSpec.model_validate` takes it, seed included."""
    plugins: Mapping[str, str]
    data: str
    identity: str
    values: Mapping[str, Any]
    config: str
    created_at: float
    """Seconds since the epoch, by the database's clock."""
    checkpoint_step: int
    """Where earlier attempts got to; 0 for a first attempt."""
    retry_of: str | None
    """The run whose last checkpoint this one may start from."""
    files: Mapping[str, str]
    """Names of the files its plugins read, by the SHA-256 of their content."""


@dataclass(frozen=True)
class Beat:
    """What an owner tells of one run when it renews its lease."""

    run_id: str
    attempt: int
    step: int = 0
    checkpoint_step: int = 0
    step_seconds: float | None = None
    """Mean wall time of one update so far."""
    first_step: int | None = None
    """Where the attempt really began, if that is not what the claim wrote down."""


@dataclass(frozen=True)
class Failure:
    """Why a run cannot be trained to its end."""

    cause: FailureCause
    message: str
    """One line for a person."""
    log_tail: str = ""
    """Last lines of the run's log."""
    exit_code: int | None = None
    signal: int | None = None


@dataclass(frozen=True)
class Worker:
    """One worker process, as it is known to the others."""

    worker_id: str
    host: str
    boot_id: str
    pid: int
    pid_started: float
    """Start time of the process, which tells it from a later one with the same pid."""
    slots: int
    version: str
    busy: int = 0
    """Slots that train; filled in by listings."""
    beat_at: float = 0.0
    draining: bool = False
    trouble: str = ""
    """Why it begins nothing; empty: nothing keeps it."""
    ship_trouble: str = ""
    """Why it sends nothing to MLflow; empty: nothing keeps it."""

    @property
    def takes_runs(self) -> bool:
        """Whether its free slots begin what is queued."""
        return not self.draining and not self.trouble


class Lease(NamedTuple):
    """How long a running run stays an attempt's own, as it was once read."""

    id: str
    """Of the run."""
    attempt: int
    worker_id: str
    lease_expires_at: float


@dataclass(frozen=True)
class OwnedRun:
    """A running run and the worker that owns it."""

    run_id: str
    attempt: int
    stop_request: StopRequest
    worker_id: str


@dataclass(frozen=True)
class Ended:
    """How a run left the status running."""

    run_id: str
    attempt: int
    status: Status


@dataclass(frozen=True)
class GridRow:
    """One grid in a listing."""

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
    """Why the whole grid waits, for example that its first run failed at once."""
    ended_at: float | None


@dataclass(frozen=True)
class RunRow:
    """One point of a grid with its run, in a listing."""

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
    """`host:pid` of the owner."""
    created_at: float
    started_at: float | None
    finished_at: float | None
    result: Mapping[str, Any] | None
    """`result.json` of a run that succeeded."""
    failure: Mapping[str, Any] | None
    """cause, message, hint, log_tail, exit_code, signal."""
    reason: str | None
    """Why it was held or queued again, in words."""
    retry_of: str | None
    mlflow: str
    """`no`, `pending` or `complete`."""
    mlflow_run_id: str | None
    ship_trouble: str | None
    """Why it cannot be sent to MLflow, for a reason of its own."""
    work: float
    """Floating point operations by the model of `run_file.estimate`."""


@dataclass(frozen=True)
class MissingPoint:
    """A point of a grid whose run was deleted with the grid that it belonged to."""

    name: str
    config: str
    seed: int
    values: Mapping[str, Any]
    run_id: str = ""
    status: str = "missing"
    result: None = None
    failure: None = None


@dataclass(frozen=True)
class AttemptRow:
    """One execution of a run."""

    attempt: int
    worker: str
    slot: int
    started_at: float
    ended_at: float | None
    outcome: str | None
    """succeeded, failed, cancelled, or why it gave the run back: drained, held, lost, expired."""
    exit_code: int | None
    signal: int | None
    first_step: int
    last_step: int


@dataclass(frozen=True)
class EventRow:
    """One entry of the history."""

    at: float
    run_id: str | None
    attempt: int | None
    kind: str
    actor: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class QueueStatus:
    """Where the queue stands as a whole."""

    counts: Mapping[Status, int]
    claimable: int
    """Queued runs that a free slot could begin right now."""
    workers: tuple[Worker, ...]
    """Those that have been heard of within one lease."""


@dataclass(frozen=True)
class GridSource:
    """The text a grid was read from."""

    source: str
    filename: str
    overrides: Sequence[str]
    """`key=value`, in the order in which they were applied."""
    files: Mapping[str, Named]
    """Contents that both name, by the path that stands there."""
