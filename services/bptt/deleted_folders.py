"""Folders of deleted runs: removed in one step, and found again if that was interrupted.

The rows go first, in one transaction. From then on the folders are not needed, and anyone may
remove them: the delete itself, a later one, a worker, or `bptt doctor --fix`. A folder is renamed
before it is emptied, so that processes writing in it (drawing or sending pictures) find it gone
rather than half there, and nothing appears in it again.
"""

import re
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bptt import store
from bptt.content import digests_in
from bptt.run_folder import RunFolder
from bptt.store import Database

RUN_ID = re.compile(r"[2-9a-z]{5}-\d+(r\d+)*")
DELETED = ".deleted"
"""Folder, within that of the runs, for what is being removed."""


@dataclass(frozen=True)
class Leftovers:
    """Folders and rows that do not belong together."""

    deleted: tuple[str, ...] = ()
    """Runs that were deleted from the database but whose folders still exist."""
    halves: int = 0
    """Folders whose removal was interrupted."""
    strange: tuple[str, ...] = ()
    """Folders of runs that the database never had: another database's, or a lost one's."""
    without_folder: tuple[str, ...] = ()
    """Ended runs of which nothing is on this machine."""


def folder_of(runs: Path, run_id: str) -> Path:
    """Return the folder of a run, in which those of its attempts lie; it need not exist.

    Raises:
        ValueError: this is not an id, and might lead elsewhere.
    """
    if not RUN_ID.fullmatch(run_id):
        raise ValueError(f"{run_id!r} is not the id of a run")
    return runs / run_id


def delete_folders(runs: Path, run_ids: Iterable[str]) -> int:
    """Remove the folders of runs with everything in them; return how many were here."""
    removed = 0
    for run_id in run_ids:
        folder = folder_of(runs, run_id)
        # never through a link that somebody put there
        if not folder.is_dir() or folder.is_symlink():
            continue
        (runs / DELETED).mkdir(mode=0o700, exist_ok=True)
        try:
            folder.rename(runs / DELETED / f"{run_id}.{uuid.uuid4().hex}")
        except FileNotFoundError:
            # somebody else is removing it at the same time
            continue
        removed += 1
    empty(runs)
    return removed


def empty(runs: Path) -> None:
    """Remove what was renamed for removal; what cannot be removed stays for the next time."""
    for path in _halves(runs):
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            # a file, or a link
            path.unlink(missing_ok=True)
    with suppress(OSError):
        (runs / DELETED).rmdir()


def find_leftovers(runs: Path, database: Database) -> Leftovers:
    """Compare the folders of runs with the rows of a database; changes nothing.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    # before the rows: a run has its row before it has a folder
    here = _folders(runs)
    deleted = store.deleted_runs(database, sorted(here))
    known = store.begun_runs(database)
    halves = len(_halves(runs))
    ended = (run_id for run_id, has_ended in known.items() if has_ended)
    return Leftovers(
        deleted=tuple(deleted),
        halves=halves,
        strange=tuple(sorted(here - set(deleted) - known.keys())),
        # runs started meanwhile have a folder by now
        without_folder=tuple(r for r in ended if r not in here and not (runs / r).exists()),
    )


def finish_deletions(runs: Path, database: Database) -> int:
    """Remove what interrupted deletions have left; return the number of runs.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    return delete_folders(runs, store.deleted_runs(database, sorted(_folders(runs))))


def _halves(runs: Path) -> list[Path]:
    """Return what lies in the folder of what is being removed."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return list((runs / DELETED).iterdir())
    return []


def _folders(runs: Path) -> set[str]:
    # a file that somebody put there belongs to no run
    names = {path.name for path in runs.iterdir() if path.is_dir()} if runs.is_dir() else set[str]()
    return {name for name in names if RUN_ID.fullmatch(name)}


def read_outside(runs: Path) -> set[str]:
    """Return the hashes of contents that runs of `bptt run` read, which no database knows."""
    found: set[str] = set()
    for path in runs.iterdir() if runs.is_dir() else ():
        if (run := RunFolder(path).read_run()) is not None:
            found |= digests_in(run.spec)
    return found
