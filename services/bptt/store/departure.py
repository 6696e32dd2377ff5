"""How a run leaves the status running: pure decisions, without SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bptt.lifecycle import (
    HINTS,
    OWN_DEATHS_AT_MOST,
    WORKER_DEATHS_AT_MOST,
    Status,
    StopRequest,
)
from bptt.records.ownership import Failure


@dataclass(frozen=True)
class Owned:
    """What a decision depends on: the row of a running run."""

    run_id: str
    stop_request: StopRequest
    losses: int
    """Deaths without a checkpoint beyond `loss_step`, in deaths of a worker."""
    loss_step: int
    checkpoint_step: int


@dataclass(frozen=True)
class Departure:
    """What becomes of the rows of the run and of its attempt."""

    status: Status
    ending: str
    """How the attempt ended, see `Attempt.outcome`."""
    reason: str | None = None
    """Why the run is held or queued again."""
    result: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    exit_code: int | None = None
    signal: int | None = None
    last_step: int | None = None
    """None: the owner did not say; then what it said when it last renewed its lease."""
    losses: Mapping[str, int] = field(default_factory=dict)
    """New values of `losses` and `loss_step`."""
    holds_grid: bool = False
    """Whether the others of its grid wait, too, for the same reason."""


def finished(run: Owned, result: Mapping[str, Any], last_step: int) -> Departure:
    """Decide for a run that was trained to its end; an earlier cancellation wins."""
    if run.stop_request == "cancel":
        return Departure("cancelled", "cancelled", last_step=last_step)
    return Departure("succeeded", "succeeded", result=result, last_step=last_step)


def failed(run: Owned, failure: Failure, last_step: int) -> Departure:
    """Decide for a run that cannot be trained to its end."""
    how: dict[str, Any] = {"exit_code": failure.exit_code, "signal": failure.signal}
    if run.stop_request == "cancel":
        return Departure("cancelled", "cancelled", last_step=last_step, **how)
    report = _report(run.run_id, failure)
    return Departure("failed", "failed", failure=report, last_step=last_step, **how)


def given_back(run: Owned, why: str, last_step: int) -> Departure:
    """Decide for a run whose owner stops it in an orderly way, which never counts as a loss."""
    if run.stop_request == "cancel":
        return Departure("cancelled", "cancelled", last_step=last_step)
    if run.stop_request == "hold":
        return Departure("held", "held", reason=why, last_step=last_step)
    return Departure("queued", "drained", reason=why, last_step=last_step)


def refused(run: Owned, why: str, last_step: int, exit_code: int | None) -> Departure:
    """Decide for a run that a worker may not train because its plugins are not those of its grid.

    It is no failure: the run waits, with the rest of its grid, for a person.
    """
    if run.stop_request == "cancel":
        return Departure("cancelled", "cancelled", last_step=last_step, exit_code=exit_code)
    status: Status = "held" if run.stop_request == "hold" else "queued"
    how: dict[str, Any] = {"last_step": last_step, "exit_code": exit_code}
    return Departure(status, "refused", reason=why, holds_grid=True, **how)


def lost(
    run: Owned, ending: str, death: Failure, last_step: int | None, *, by_itself: bool
) -> Departure:
    """Decide for a run whose process or worker died; the run may be what kills them.

    Args:
        run: its row.
        ending: `lost` or `expired`.
        death: what is known about it; the message says what died and how.
        last_step: the last step it is known to have done.
        by_itself: its own process died, while its worker and everything else it needs were well.
    """
    how: dict[str, Any] = {"exit_code": death.exit_code, "signal": death.signal}
    how |= {"last_step": last_step}
    if run.stop_request == "cancel":
        return Departure("cancelled", ending, **how)
    weight = WORKER_DEATHS_AT_MOST // OWN_DEATHS_AT_MOST if by_itself else 1
    losses = 0 if run.checkpoint_step > run.loss_step else run.losses + weight
    how["losses"] = {"losses": losses, "loss_step": run.checkpoint_step}
    if losses >= WORKER_DEATHS_AT_MOST:
        message = (
            f"ended too often without a checkpoint beyond step {run.checkpoint_step} "
            f"({OWN_DEATHS_AT_MOST} times by itself or {WORKER_DEATHS_AT_MOST} times with its "
            f"worker, in a row); the last time: {death.message}"
        )
        report = _report(run.run_id, replace(death, message=message))
        return Departure("failed", ending, failure=report, **how)
    status: Status = "held" if run.stop_request == "hold" else "queued"
    return Departure(status, ending, reason=death.message, **how)


def _report(run_id: str, failure: Failure) -> dict[str, Any]:
    return {
        "cause": failure.cause,
        "message": failure.message,
        "hint": HINTS[failure.cause].format(run=run_id),
        "log_tail": failure.log_tail,
        "exit_code": failure.exit_code,
        "signal": failure.signal,
    }
