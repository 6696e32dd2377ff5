"""From the way a process ended to what is reported to the database about the attempt."""

import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bptt import store
from bptt.backoff import Backoff
from bptt.errors import DatabaseUnavailable, DocumentDamaged
from bptt.execution.assignment import EXPIRED, FAILED, STOPPED
from bptt.lifecycle import FailureCause
from bptt.records.documents import FailureDocument, ResultDocument
from bptt.records.ownership import Ended, Failure
from bptt.run_folder import RunFolder
from bptt.strict_json import finite
from bptt.worker.context import WorkerContext
from bptt.worker.lease import Tenure

logger = logging.getLogger(__name__)

LOG_LINES = 20
LOG_BYTES = 16_384
WITH_TEMPLATE = "it died with the process that runs are forked from"
SOON = 0.5
"""Seconds between two tries while the worker is ending."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between two tries to tell the database; they double."""


def memory_kills() -> int | None:
    """Return how many processes the system has killed for lack of memory; None: unknown.

    The kernel counts those of containers' limits, too.
    """
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError):
        # only Linux has it
        pass
    return None


@dataclass
class Ending:
    """What a supervisor knows about the end of a process."""

    exit_code: int | None = None
    with_template: bool = False
    """Whether the process that runs are forked from died, and this one with it."""
    asked: str = ""
    """Why it was asked to stop: cancel, hold or drain; empty: it was not."""
    given_up: str = ""
    """Why the worker itself killed it, which is not the run's fault."""
    not_started: str = ""
    """Why there never was a process."""
    failure: FailureDocument | None = None
    notes: list[str] = field(default_factory=list)
    memory_kills: int | None = field(default_factory=memory_kills)
    """How many processes the system had killed for lack of memory when this one started."""


def conclude(context: WorkerContext, tenure: Tenure, folder: RunFolder, ending: Ending) -> None:
    """Tell the database how an attempt ended, repeating until it succeeds."""
    tell = _tell(context, tenure, folder, ending)
    backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
    while not tenure.fenced:
        try:
            if tenure.first_step is not None:
                # too short-lived for a renewal to have reported it
                store.renew(context.database, context.worker_id, [tenure.beat], context.lease)
            _log(tenure, tell())
            return
        except DatabaseUnavailable as error:
            logger.warning("%s: its end cannot be told yet: %s", tenure.run_id, error)
            wait = backoff.fail()
            if context.leaving.wait(min(wait, SOON) if context.draining.is_set() else wait):
                # the lease expires by itself, and the run continues from what is on disk
                return
    logger.warning("%s: attempt %s was another's already", tenure.run_id, tenure.attempt)


def _tell(
    context: WorkerContext, tenure: Tenure, folder: RunFolder, ending: Ending
) -> Callable[[], Ended | None]:
    """Return the call that reports this ending."""
    database, run_id, attempt = context.database, tenure.run_id, tenure.attempt
    if (result := _result(folder)) is not None:
        # null for figures that SQL cannot store
        content, step = finite(result.as_json()), result.step
        return lambda: store.finish(database, run_id, attempt, content, step)
    code = ending.exit_code
    back = {STOPPED: "stopped where it stood", EXPIRED: "its worker was silent for too long"}
    if why := ending.not_started or ending.given_up or back.get(code or 0, ""):
        if ending.asked == "drain":
            why = f"its worker ended ({why})"
        why = "; ".join([why, *ending.notes])
        return lambda: store.give_back(database, run_id, attempt, why=why, last_step=tenure.step)
    tail = log_tail(folder)
    by_itself = not ending.with_template
    cause, why = cause_of_death(code, ending.memory_kills)
    if not by_itself:
        cause, why = "crash_loop", WITH_TEMPLATE
    if code == FAILED and ending.failure:
        cause, why = ending.failure.cause, ending.failure.message
        if cause == "plugin_changed":
            step = tenure.checkpoint_step
            return lambda: store.refuse(
                database, run_id, attempt, why=why, last_step=step, exit_code=FAILED
            )
        # the run is not to blame, and continues where there is space
        if cause != "disk_full":
            failure = Failure(cause, why, tail, exit_code=code)
            return lambda: store.fail(database, run_id, attempt, failure, tenure.step)
        context.disk.doubt()
        by_itself = context.disk.look()
    why = "; ".join([why, *ending.notes])
    number = -code if code is not None and code < 0 else None

    def lose() -> Ended | None:
        # a checkpoint it had just written counts as progress
        store.renew(database, context.worker_id, [tenure.beat], context.lease)
        return store.lose(
            database,
            run_id,
            attempt,
            why=why,
            cause=cause,
            exit_code=None if number else code,
            signal=number,
            last_step=tenure.step,
            log_tail=tail,
            by_itself=by_itself,
        )

    return lose


def log_tail(folder: RunFolder) -> str:
    """Return the last lines a run's process printed."""
    try:
        with folder.log.open("rb") as log:
            log.seek(max(0, folder.log.stat().st_size - LOG_BYTES))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.replace("\0", "").splitlines()[-LOG_LINES:])


def _result(folder: RunFolder) -> ResultDocument | None:
    """Return what the attempt has measured; None: it has no result that can be read."""
    try:
        return folder.read_result()
    except (OSError, DocumentDamaged):
        return None


def cause_of_death(code: int | None, kills_before: int | None) -> tuple[FailureCause, str]:
    """Return the cause of a process' death, with which its run fails if it recurs, and in words."""
    if code is None or code >= 0:
        return "crash_loop", f"its process ended with exit code {code} and left no result"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    killed = f"its process was killed by {name}"
    if -code != signal.SIGKILL:
        return "crash_loop", killed
    kills = memory_kills()
    if kills is None or kills_before is None:
        return "crash_loop", f"{killed} (out of memory, perhaps)"
    if kills > kills_before:
        return "out_of_memory", f"{killed} (the system was out of memory)"
    return "crash_loop", f"{killed} (by somebody: the system was not out of memory)"


def _log(tenure: Tenure, ended: Ended | None) -> None:
    if ended is None:
        logger.warning("%s: attempt %s was another's already", tenure.run_id, tenure.attempt)
    else:
        logger.info("%s: %s after %s steps", tenure.run_id, ended.status, tenure.step)
