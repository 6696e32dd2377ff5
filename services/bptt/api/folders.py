"""Folders of runs on this machine: the output of an attempt.

Every path is made from the id of a run in the database, never from a request's text.
"""

import codecs
from collections.abc import Sequence
from pathlib import Path

from bptt.api.answers import Log
from bptt.deleted_folders import folder_of
from bptt.errors import RunNotFound
from bptt.lifecycle import is_terminal
from bptt.records.runs import Attempt, Run
from bptt.run_folder import RunFolder

PIECE = 256 * 2**10
"""Bytes of a log that one answer holds at most."""


def read_log(
    runs: Path, run: Run, attempts: Sequence[Attempt], attempt: int | None, offset: int
) -> Log:
    """Return a piece of an attempt's output, starting at a byte.

    Raises:
        RunNotFound: the run has no such attempt.
    """
    numbers = [row.attempt for row in attempts]
    if attempt is not None and attempt not in numbers:
        there = ", ".join(map(str, numbers)) or "none"
        raise RunNotFound(f"Run {run.run_id} has no attempt {attempt}; there are: {there}.")
    if not attempts:
        return Log(attempt=0, text="", next=0, ended=is_terminal(run.status), where=None)
    chosen = attempts[-1] if attempt is None else attempts[numbers.index(attempt)]
    ended = chosen.ended_at is not None
    folder = RunFolder.of_attempt(runs, folder_of(runs, run.run_id).name, chosen.attempt)
    try:
        with folder.log.open("rb") as file:
            file.seek(offset)
            piece = file.read(PIECE)
    except FileNotFoundError:
        tail = str((run.failure or {}).get("log_tail", "")) if chosen is attempts[-1] else ""
        host = chosen.worker.partition(":")[0]
        where = None if folder.path.is_dir() else f"{host}: {folder.log}"
        is_told = offset > 0
        return Log(
            attempt=chosen.attempt,
            text="" if is_told else tail,
            next=offset if is_told else len(tail),
            ended=ended,
            where=where,
        )
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(piece)
    # a character cut in two comes with the next piece
    kept = len(piece) - len(decoder.getstate()[0])
    is_last = ended and len(piece) < PIECE
    return Log(attempt=chosen.attempt, text=text, next=offset + kept, ended=is_last, where=None)
