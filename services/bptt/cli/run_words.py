"""Runs and grids of the queue in words."""

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bptt.lifecycle import STATUSES, Status
from bptt.records.documents import ResultDocument

if TYPE_CHECKING:
    from bptt.records.grids import Grid
    from bptt.records.naming import Found
    from bptt.records.runs import Attempt, Run


def grid_title(grid_id: str, name: str, owner: str = "") -> str:
    """Return a grid's name for people, with the id that every command takes.

    Somebody else's begins with its owner: `ada/latch (x5fxt)`.
    """
    return f"{owner}/{name} ({grid_id})" if owner else f"{name} ({grid_id})"


def owner_of(found: "Found") -> str:
    """Return the owner of a grid or run if it is somebody else's; '' for one's own."""
    return "" if found.is_own else found.user


def title_of(found: "Found") -> str:
    """Return a name for people; for others' runs `x5fxt-0 of ada/latch (x5fxt)`."""
    grid = grid_title(found.grid_id, found.name, owner_of(found))
    if found.kind == "grid":
        return grid
    return f"{found.id} of {grid}" if owner_of(found) else found.id


def run_title(run: "Run") -> str:
    """Return which point of its grid a run is: `lstm lr=0.003 seed=1`."""
    return f"{run.config} seed={run.seed}" if run.config else run.name


def counts_told(counts: Mapping[Status, int]) -> str:
    """Return `2 running, 10 queued`, in the order of a run's life, the ended ones first."""
    order = [*reversed(STATUSES[:3]), *STATUSES[3:]]
    return ", ".join(f"{counts[s]:,} {s}" for s in order if counts.get(s))


def ended(grid: "Grid") -> int:
    """Return how many points have a run that has ended."""
    return sum(grid.counts.get(status, 0) for status in ("succeeded", "failed", "cancelled"))


def status_told(run: "Run") -> str:
    """Return a run's status, or what it is about to become."""
    if run.status == "running":
        wish = {"none": "running", "cancel": "cancelling", "hold": "stopping"}[run.stop_request]
        return f"{wish} {run.step:,}/{run.steps:,}"
    if run.status == "succeeded" and run.result:
        if run.steps == 0:
            return "measured, not trained"
        result = ResultDocument.of(run.result)
        outcome, solved_at = result.outcome.replace("_", " "), result.solved_at
        kept = outcome != "solved" and solved_at is not None
        return f"{outcome} at {run.step:,}" + (f", solved at {solved_at:,}" if kept else "")
    return run.status


def note_told(run: "Run") -> str:
    """Return the one thing worth saying about a run besides its status."""
    if run.failure:
        return failure_told(run.failure)
    if run.reason and run.status in ("held", "queued"):
        return run.reason
    if run.status == "running" and run.attempt > 1:
        return f"attempt {run.attempt}"
    return ""


def failure_told(failure: Mapping[str, Any]) -> str:
    """Return cause and message of a failed run in one line."""
    cause = str(failure.get("cause") or "unknown").replace("_", " ")
    message = " ".join(str(failure.get("message") or "").split())
    return f"{cause}: {message}" if message else cause


def attempt_told(attempt: "Attempt") -> str:
    """Return one attempt in words: `signal 15 (SIGTERM)`."""
    begun = f"resumed at step {attempt.first_step:,}" if attempt.first_step else "from the start"
    end = "running" if attempt.ended_at is None else _ending(attempt)
    where = f"{attempt.worker} slot {attempt.slot}"
    return f"{begun}, {end} at step {attempt.last_step:,} on {where}"


def _ending(attempt: "Attempt") -> str:
    ending = (attempt.outcome or "ended").replace("_", " ")
    if attempt.signal:
        try:
            name = f" ({signal.Signals(attempt.signal).name})"
        except ValueError:
            name = ""
        return f"{ending} by signal {attempt.signal}{name}"
    return f"{ending} with exit code {attempt.exit_code}" if attempt.exit_code else ending
