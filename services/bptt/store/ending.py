"""How an owner ends its attempt; each write names the attempt, and only the current one counts.

None as an answer means fenced: the run is somebody else's or has ended, nothing was changed, and
nothing this attempt made counts. After `DatabaseUnavailable` the same call may be repeated; if the
first one was written after all, the second returns None.
"""

from collections.abc import Mapping
from typing import Any

from bptt.lifecycle import FailureCause
from bptt.records.ownership import Ended, Failure
from bptt.store import departure
from bptt.store.database import Database
from bptt.store.leaving import leave


def finish(
    database: Database, run_id: str, attempt: int, result: Mapping[str, Any], last_step: int
) -> Ended | None:
    """End a run that was trained to its end; an earlier cancellation wins.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.write() as connection:
        return leave(
            connection, run_id, attempt, lambda run: departure.finished(run, result, last_step)
        )


def fail(
    database: Database, run_id: str, attempt: int, failure: Failure, last_step: int
) -> Ended | None:
    """End a run that cannot be trained to its end, no matter who tries.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.write() as connection:
        return leave(
            connection, run_id, attempt, lambda run: departure.failed(run, failure, last_step)
        )


def refuse(
    database: Database, run_id: str, attempt: int, *, why: str, last_step: int, exit_code: int
) -> Ended | None:
    """Give back a run whose plugins are not those of its grid here, and hold the grid.

    Any other machine would continue it as something else, or fail the same way.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.write() as connection:
        return leave(
            connection,
            run_id,
            attempt,
            lambda run: departure.refused(run, why, last_step, exit_code),
        )


def lose(
    database: Database,
    run_id: str,
    attempt: int,
    *,
    why: str,
    cause: FailureCause = "crash_loop",
    exit_code: int | None = None,
    signal: int | None = None,
    last_step: int = 0,
    log_tail: str = "",
    by_itself: bool = True,
) -> Ended | None:
    """Give back a run whose process died; it fails if it dies again and again without progress.

    Args:
        database: the queue.
        run_id: of the run.
        attempt: the one that died.
        why: one line for a person.
        cause: of the failure, if it comes to that.
        exit_code: of its process, if it exited.
        signal: that killed its process, if one did.
        last_step: the last one it is known to have done.
        log_tail: the last lines it wrote.
        by_itself: whether only it died; if not, it is blamed no more than for a worker's death.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    death = Failure(cause, why, log_tail, exit_code, signal)

    def decide(run: departure.Owned) -> departure.Departure:
        return departure.lost(run, "lost", death, last_step, by_itself=by_itself)

    with database.write() as connection:
        return leave(connection, run_id, attempt, decide)


def give_back(
    database: Database, run_id: str, attempt: int, *, why: str, last_step: int = 0
) -> Ended | None:
    """Give back a run that was stopped in an orderly way: queued, held or cancelled, as requested.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with database.write() as connection:
        return leave(
            connection, run_id, attempt, lambda run: departure.given_back(run, why, last_step)
        )
