"""Checks of the contents of files that the home stores under their hash, and repairs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from bptt import store
from bptt.content import SEND_AGAIN
from bptt.counted import counted
from bptt.deleted_folders import read_outside
from bptt.doctor.finding import Finding
from bptt.errors import SchemaMismatch
from bptt.library import Library, is_whole
from bptt.settings import Settings
from bptt.store.content import GRACE

READ_AT_MOST = 4 * 2**30
"""Bytes that are read to check contents; with `--fix` all are."""
NAMED = 5
"""How many contents one line names."""
WHAT = "contents"


@dataclass
class KeptContents:
    """What is in the library compared with what runs read."""

    sizes: Mapping[str, int]
    """Bytes of each content, by its hash."""
    read: Mapping[str, str]
    """Names of the files that runs read, by hash; empty for runs outside the queue."""
    damaged: list[str] = field(default_factory=list)
    unseen: int = 0
    """Contents that were not read, because there are too many bytes."""

    @property
    def gone(self) -> list[str]:
        """What runs read but is not there."""
        return [digest for digest in self.read if digest not in self.sizes]

    @property
    def unread(self) -> list[str]:
        """What no run reads."""
        return [digest for digest in self.sizes if digest not in self.read]

    def some(self, digests: list[str]) -> str:
        """Return the names of a few."""
        names = [self.read.get(digest) or digest[:12] for digest in digests]
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        return ", ".join(names[:NAMED]) + more


def contents(settings: Settings) -> Iterator[Finding]:
    """Find contents that are damaged or gone, and those that no run reads any more."""
    try:
        kept = _look(settings, READ_AT_MOST)
    except SchemaMismatch:
        # already reported for the database
        return
    if not kept.sizes and not kept.gone:
        return
    library = Library(settings.data)
    size = sum(kept.sizes.values())
    text = f"{counted(len(kept.sizes), 'content')} of files, {size:,} bytes, in {library.folder}"
    old = [digest for digest in library.older_than(GRACE) if digest in kept.unread]
    if waits := len(kept.unread) - len(old):
        text += f"; no run reads {waits:,} of them, which go a day after they were sent"
    if kept.unseen:
        text += f"; {kept.unseen:,} were too large to be read here: bptt doctor --fix reads all"
    yield Finding("ok", WHAT, text)
    if old:
        bytes_of = sum(kept.sizes[digest] for digest in old)
        text = f"No run reads {counted(len(old), 'content')} ({bytes_of:,} bytes) any more."
        yield Finding("warn", WHAT, f"{text} To remove what is of no use: bptt doctor --fix")
    if kept.damaged:
        number = counted(len(kept.damaged), "content")
        text = f"Damaged on the disk: {number} ({kept.some(kept.damaged)})."
        yield Finding("warn", WHAT, f"{text} First: bptt doctor --fix. {SEND_AGAIN}")
    # on a shared database they may be on other machines
    if kept.gone and not settings.database_url:
        number = counted(len(kept.gone), "content")
        text = f"Gone, though runs read it: {number} ({kept.some(kept.gone)})."
        yield Finding("warn", WHAT, f"{text} {SEND_AGAIN}")


def mend_contents(settings: Settings) -> str:
    """Remove contents that are damaged, and those that no run reads any more; say how many.

    Raises:
        DatabaseUnavailable, SchemaMismatch: nothing was removed.
    """
    kept = _look(settings, None)
    if not kept.sizes:
        return ""
    library = Library(settings.data)
    removed = 0
    for digest in kept.damaged:
        with suppress(OSError):
            library.remove(digest)
            removed += 1
    unread: Sequence[str] = ()
    with closing(store.open_database(settings.database)) as opened:
        if opened.file is None or opened.file.exists():
            unread = store.remove_unread(opened, library, lambda: read_outside(settings.runs))
    text = f"Removed contents of files: {removed:,} damaged, {len(unread):,} that no run reads."
    if stuck := len(kept.damaged) - removed:
        text += f" {stuck:,} could not be removed: look at their rights in {library.folder}"
    return text


def _look(settings: Settings, most: int | None) -> KeptContents:
    library = Library(settings.data)
    sizes = library.sizes()
    read: dict[str, str] = dict.fromkeys(read_outside(settings.runs) & sizes.keys(), "")
    with closing(store.open_database(settings.database)) as opened:
        if opened.file is None or opened.file.exists():
            store.check(opened)
            read |= store.read_contents(opened)
    kept = KeptContents(sizes, read)
    taken = 0
    for digest, size in sizes.items():
        taken += size
        if most is not None and taken > most:
            kept.unseen += 1
        elif not is_whole(library.path(digest), digest):
            kept.damaged.append(digest)
    return kept
