"""Which worker owns a run, and what happens to it there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bptt.lifecycle import FailureCause, Status, StopRequest


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
    code: Mapping[str, str] | None
    """Of its grid, see `RunDocument.code`."""
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
    """What an owner reports about a run when it renews its lease."""

    run_id: str
    attempt: int
    step: int = 0
    checkpoint_step: int = 0
    step_seconds: float | None = None
    """Mean wall time of one update so far."""
    first_step: int | None = None
    """Where the attempt really began, if not where the claim recorded."""


@dataclass(frozen=True)
class Failure:
    """Why a run cannot be trained to its end."""

    cause: FailureCause
    message: str
    """One line for people."""
    log_tail: str = ""
    """Last lines of the run's log."""
    exit_code: int | None = None
    signal: int | None = None


class Lease(NamedTuple):
    """How long an attempt owns its run, as read at some moment."""

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
