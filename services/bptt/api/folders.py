"""Folders of runs on this machine: what an attempt said, and their end.

Every path is made of the id of a run that the database holds, never of what a request says.
"""

import codecs
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from bptt.api.answers import Log
from bptt.errors import RunNotFound
from bptt.lifecycle import is_terminal
from bptt.run_folder import RunFolder
from bptt.store.records import AttemptRow, RunRow

RUN_ID = re.compile(r"[2-9a-z]{5}-\d+(r\d+)*")
PIECE = 256 * 2**10
"""Bytes of a log that one answer holds at most."""


def folder_of(runs: Path, run_id: str) -> Path:
    """Return the folder of a run, in which those of its attempts lie; it need not exist.

    Raises:
        ValueError: the id is none, and might lead elsewhere.
    """
    if not RUN_ID.fullmatch(run_id):
        raise ValueError(f"{run_id!r} is not the id of a run")
    return runs / run_id


def delete_folders(runs: Path, run_ids: Iterable[str]) -> int:
    """Remove the folders of runs with all that is in them; return how many were here."""
    removed = 0
    for run_id in run_ids:
        folder = folder_of(runs, run_id)
        # never through a link that somebody has put there
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
            removed += 1
    return removed


def read_log(
    runs: Path, run: RunRow, attempts: Sequence[AttemptRow], attempt: int | None, offset: int
) -> Log:
    """Return what an attempt said from a byte on, a piece of it.

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
    # a character that is cut in two comes with the next piece
    kept = len(piece) - len(decoder.getstate()[0])
    is_last = ended and len(piece) < PIECE
    return Log(attempt=chosen.attempt, text=text, next=offset + kept, ended=is_last, where=None)
