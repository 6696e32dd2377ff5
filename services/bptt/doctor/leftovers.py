"""Checks of the folder of runs against the database, and repairs."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing

from bptt import store, tracking
from bptt.deleted_folders import empty, find_leftovers, finish_deletions
from bptt.doctor.finding import Finding
from bptt.errors import SchemaMismatch, UserError
from bptt.identifiers import grid_of
from bptt.settings import Settings

NAMED = 5
"""How many runs or folders one line names."""


def folders(settings: Settings) -> Iterator[Finding]:
    """Find folders without a row, and rows without a folder."""
    with closing(store.open_database(settings.database)) as opened:
        if opened.file is not None and not opened.file.exists():
            return
        try:
            found = find_leftovers(settings.runs, opened)
        except SchemaMismatch:
            # told already, of the database
            return
    what = "folders"
    if left := len(found.deleted) + found.halves:
        such_as = f" ({_some(found.deleted)})" if found.deleted else ""
        text = f"{left:,} folders of deleted runs are left in {settings.runs}{such_as}."
        yield Finding("warn", what, f"{text} Remove them with: bptt doctor --fix")
    if found.strange:
        paths = " ".join(shlex.quote(str(settings.runs / one)) for one in found.strange[:NAMED])
        text = (
            f"{len(found.strange):,} folders in {settings.runs} belong to no run of this database "
            f"({_some(found.strange)}): to one of another database, or of one that is lost. "
            f"If nobody needs them: rm -r {paths}{' ...' if len(found.strange) > NAMED else ''}"
        )
        yield Finding("warn", what, text)
    # on a shared database they may be on other machines
    if found.without_folder and not settings.database_url:
        grid_ids = dict.fromkeys(grid_of(one) for one in found.without_folder)
        text = (
            f"{len(found.without_folder):,} runs have ended and their folders are gone "
            f"({_some(found.without_folder)}): results stay, pictures and logs are lost. To be rid "
            f"of them: bptt delete {next(iter(grid_ids))}"
        )
        yield Finding("warn", what, text)
    if not left and not found.strange and not (found.without_folder and not settings.database_url):
        yield Finding("ok", what, "every folder has its run")


def shipping(settings: Settings) -> Iterator[Finding]:
    """Find runs that have not reached MLflow, or cannot."""
    with closing(store.open_database(settings.database)) as opened:
        if opened.file is not None and not opened.file.exists():
            return
        try:
            arrears = store.arrears(opened, named=NAMED)
            workers = store.queue_status(opened).workers
        except SchemaMismatch:
            return
    for _, why in arrears.such_as:
        yield Finding("warn", "MLflow", why)
    if arrears.damaged > NAMED:
        yield Finding("warn", "MLflow", f"{arrears.damaged - NAMED:,} more runs cannot be sent.")
    waiting = f"{arrears.pending:,} runs have not reached it yet"
    troubles = [worker.ship_trouble for worker in workers if worker.ship_trouble]
    if arrears.pending and troubles:
        yield Finding("warn", "MLflow", f"{waiting}: {troubles[0]}")
    elif arrears.pending and not workers:
        yield Finding("warn", "MLflow", f"{waiting}, and no worker runs: bptt ship")
    unqueued = tracking.unshipped(settings.runs)
    if unqueued:
        names = _some([folder.run_id for folder in unqueued])
        told_of = f"{len(unqueued):,} runs of bptt run have not reached it ({names}): bptt ship"
        yield Finding("warn", "MLflow", told_of)


def remove_leftovers(settings: Settings) -> str:
    """Remove the folders of runs that were deleted from this database; say how many.

    Raises:
        DatabaseUnavailable, SchemaMismatch: nothing was removed.
        UserError: a server is named, whose folders are not here.
    """
    if settings.server:
        raise UserError(
            f"The folders are on the machine of {settings.server}: give bptt doctor --fix there."
        )
    with closing(store.open_database(settings.database)) as opened:
        if opened.file is not None and not opened.file.exists():
            return "There is no database here yet, and so nothing to remove."
        store.check(opened)
        removed = finish_deletions(settings.runs, opened)
        empty(settings.runs)
        left = find_leftovers(settings.runs, opened)
    text = f"Removed {removed:,} folders of deleted runs from {settings.runs}."
    if stuck := left.halves + len(left.deleted):
        text += f" {stuck:,} could not be removed: look at their rights in {settings.runs}/.deleted"
    return text


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
