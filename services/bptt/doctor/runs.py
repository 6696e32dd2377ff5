"""Checks whether the folders of ended runs contain what was written there."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bptt import store
from bptt.damage import find_damage, size_of
from bptt.doctor.finding import Finding
from bptt.errors import SchemaMismatch
from bptt.run_folder import RunFolder, attempts
from bptt.settings import Settings

SECONDS = 10.0
"""Seconds after which no more runs are read."""
READ_AT_MOST = 4 * 2**30
"""Bytes that are read."""
NAMED = 5
"""How many damaged runs are named, one line each."""
WHAT = "runs"


def runs(settings: Settings) -> Iterator[Finding]:
    """Find damaged files of ended runs, whether sent or not; newest first."""
    reported = _told_already(settings)
    until = time.monotonic() + SECONDS
    whole = damaged = unseen = taken = 0
    for folder in _ended(settings.runs):
        # that one is reported with those that cannot be sent
        if folder.run_id in reported:
            continue
        if time.monotonic() > until or taken > READ_AT_MOST:
            unseen += 1
            continue
        taken += size_of(folder)
        found = find_damage(folder)
        if not found:
            whole += 1
            continue
        damaged += 1
        if damaged <= NAMED:
            more = f" ({len(found) - 1:,} more of its files are damaged)" if found[1:] else ""
            yield Finding("warn", WHAT, f"Run {folder.run_id}: {found[0]}{more}")
    if damaged > NAMED:
        yield Finding("warn", WHAT, f"{damaged - NAMED:,} more runs have damaged files.")
    left = f"; {unseen:,} older ones were not read, there are too many" if unseen else ""
    if whole or unseen:
        yield Finding("ok", WHAT, f"The files of {whole:,} runs that have ended are whole{left}")


def _told_already(settings: Settings) -> set[str]:
    with closing(store.open_database(settings.database)) as opened:
        if opened.file is not None and not opened.file.exists():
            return set()
        try:
            return {run_id for run_id, _ in store.arrears(opened, named=NAMED).such_as}
        except SchemaMismatch:
            # already reported for the database
            return set()


def _ended(folder: Path) -> Iterator[RunFolder]:
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.is_dir() or path.name.startswith("."):
            continue
        for run in attempts(folder, path.name)[:1] or [RunFolder(path)]:
            if run.is_finished:
                found.append((run.path.stat().st_mtime, run))
    yield from (run for _, run in sorted(found, key=lambda one: one[0], reverse=True))
