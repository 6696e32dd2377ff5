"""Runs as they are listed, with their attempts and their history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bptt.lifecycle import Status, StopRequest


@dataclass(frozen=True, kw_only=True)
class Run:
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
    """`host:pid` of the owner."""
    created_at: float
    started_at: float | None
    finished_at: float | None
    result: Mapping[str, Any] | None
    """Of a run that succeeded: a `ResultDocument` as JSON."""
    failure: Mapping[str, Any] | None
    """cause, message, hint, log_tail, exit_code, signal."""
    reason: str | None
    """Why it was held or queued again, in words."""
    retry_of: str | None
    mlflow: str
    """`no`, `pending` or `complete`."""
    mlflow_run_id: str | None
    ship_trouble: str | None = None
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
class OtherProgram:
    """A point that is a run's own in all but the programs of its plugins."""

    grid_id: str
    run_id: str | None
    """None: it was deleted."""
    plugins: Mapping[str, str]
    """Those that are others, as their grid records them, by `kind:name`."""
    own: Mapping[str, str] = field(default_factory=dict)
    """The run's own in their place."""
    files: Sequence[str] = ()
    """Of plugins, that both grids recorded and that differ."""


@dataclass(frozen=True)
class Attempt:
    """One execution of a run."""

    attempt: int
    worker: str
    slot: int
    started_at: float
    ended_at: float | None
    outcome: str | None
    """succeeded, failed, cancelled, or why it gave the run back: drained, held, lost, expired, or
    refused, because its plugins are not those of its grid."""
    exit_code: int | None
    signal: int | None
    first_step: int
    last_step: int


@dataclass(frozen=True)
class Event:
    """One entry of the history."""

    at: float
    run_id: str | None
    attempt: int | None
    kind: str
    actor: str
    data: Mapping[str, Any]
