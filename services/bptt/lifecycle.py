"""Statuses of a run and the transitions between them; pure, and the only table of both.

            submit                 claim (attempt + 1)         finish
    (none) --------> queued ------------------------> running --------> succeeded
                      ^  |  ^                         |  |  |---------> failed
             release  |  |  +-------------------------+  |  +---------> cancelled
                      |  |     drain, lost, lease over   |
                      held <-----------------------------+
                       hold             hold

Held and queued runs are cancelled at once. Stopping a running one is a request in its row, on which
its owner acts: there is no status that only a living process could leave.
"""

from collections.abc import Mapping
from typing import Literal

Status = Literal["held", "queued", "running", "succeeded", "failed", "cancelled"]
StopRequest = Literal["none", "cancel", "hold"]

STATUSES: tuple[Status, ...] = ("held", "queued", "running", "succeeded", "failed", "cancelled")
Outcome = Literal["finished", "solved", "diverged", "time_limit"]
"""How a run that succeeded ended."""
Wish = Literal["cancelling", "stopping"]
"""What a running run is asked to become: cancelled, or held."""
Standing = Literal[
    "held",
    "queued",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "cancelling",
    "stopping",
    "finished",
    "solved",
    "diverged",
    "time_limit",
]
"""Every word that a listing uses for the state of a run."""
OUTCOMES: tuple[Outcome, ...] = ("finished", "solved", "diverged", "time_limit")
WISHES: Mapping[Wish, StopRequest] = {"cancelling": "cancel", "stopping": "hold"}
STANDINGS: tuple[Standing, ...] = (*STATUSES, *WISHES, *OUTCOMES)

TERMINAL: tuple[Status, ...] = ("succeeded", "failed", "cancelled")
"""A run in one of these never changes again; repeating it makes a new run."""

WAITING: tuple[Status, ...] = ("held", "queued")
"""A run that no worker owns and that has not ended."""

TRANSITIONS: Mapping[Status, tuple[Status, ...]] = {
    "held": ("queued", "cancelled"),
    "queued": ("held", "running", "cancelled"),
    "running": ("queued", "held", "succeeded", "failed", "cancelled"),
    "succeeded": (),
    "failed": (),
    "cancelled": (),
}
"""What a run may become next, by its status; the store asks it before it changes one."""

OWN_DEATHS_AT_MOST = 3
"""Attempts in a row whose own process dies, without a new checkpoint, before a run fails."""
WORKER_DEATHS_AT_MOST = 9
"""The same for attempts whose worker dies or falls silent, which is rarely the run's fault."""

FailureCause = Literal[
    "crash_loop",  # died too often in a row without progress
    "data_changed",
    "disk_full",  # found no room OWN_DEATHS_AT_MOST times in a row, though its worker did
    "invalid_setting",  # of the worker, for this run
    "out_of_memory",
    "plugin_changed",  # holds its grid instead; runs of earlier versions failed of it
    "plugin_error",  # a plugin's code raised
    "plugin_missing",
    "internal_error",  # our fault
]

HINTS: Mapping[FailureCause, str] = {
    "crash_loop": "Read what it said last: bptt logs {run}. Then: bptt retry {run}",
    "data_changed": "Submit a grid that names the file: it is sent again. Then: bptt retry {run}",
    "disk_full": "Make room where it writes (a quota, another disk?), then: bptt retry {run}",
    "invalid_setting": "Correct it where the workers run, restart them, then: bptt retry {run}",
    "out_of_memory": (
        "Make model.hidden_size, model.layers, training.batch_size or the task's length smaller, "
        "or give each run more: fewer slots, or a larger BPTT_RUN_MEMORY_MB."
    ),
    "plugin_changed": "Install the version it was submitted with, or submit the grid again.",
    "plugin_error": (
        "Mend the plugin, see bptt logs {run}, and submit the grid again: with other code it is a "
        "new one. If its code was not at fault: bptt retry {run}"
    ),
    "plugin_missing": "Install it where the workers run, then: bptt retry {run}",
    "internal_error": "Please report it with: bptt logs {run}. To try again: bptt retry {run}",
}
"""What to do about each cause; `{run}` is the run's id."""


QUEUED_WITH = "queued with the"
"""How the reason begins when a grid is held because a worker has other plugins."""


def sources(after: Status, *among: Status) -> tuple[Status, ...]:
    """Return those of some statuses, or of all, from which a run may become `after`.

    Raises:
        ValueError: it may from none of them.
    """
    among = among or STATUSES
    found = tuple(before for before in among if after in TRANSITIONS[before])
    if not found:
        raise ValueError(f"no run that is {' or '.join(among)} may become {after}")
    return found


def is_terminal(status: Status) -> bool:
    """Say whether a run in this status stays there."""
    return status in TERMINAL
