"""What is in a run's folder, and how it is written so that it survives a crash.

run.json          identity, spec, plugin versions, project, when it was created
journal.jsonl     metrics, tags and artifacts in the order they were observed
probe/NNNNNNNN.npz    statistics arrays of the probe at step NNNNNNNN, until the run has ended
checkpoint.pt     weights, optimiser, clipper, step, length of the journal, until then; hashed
checkpoint.previous.pt    the one before
committed.json    length of the journal at the last checkpoint: what is final
result.json       outcome and final figures, once the run has ended
shipped.json      how much of the journal MLflow has acknowledged; shipped.lock keeps others off
artifacts/        of an ended run, what goes to MLflow as it is: weights, spec, arrays of all probes
rejected.jsonl    rows MLflow refused
log.txt           what the process of a queued run printed
failure.json      why a queued run cannot go on: cause, message, traceback

A run of `bptt run` has one folder, `runs/<run id>`. A queued run has one per attempt,
`runs/<run id>/a<attempt>`, which no other attempt ever writes to: an attempt that was taken for
dead can do no harm when it comes back.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from bptt.durable import link, replace
from bptt.errors import DocumentDamaged, JournalDamaged, RunBusy, RunNotFound
from bptt.file_lock import try_lock
from bptt.identifiers import grid_of
from bptt.journal import Journal, read_records, read_whole
from bptt.records import documents
from bptt.records.documents import Document, DocumentMisfit, ResultDocument, RunDocument

D = TypeVar("D", bound=Document)

_ATTEMPT = re.compile(r"a[1-9][0-9]*")


class RunFolder:
    """The folder of one run; the only class that knows the names of its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_id = path.name
        self.attempt: int | None = None
        """None: the one folder of a run outside the queue."""

    @classmethod
    def of_attempt(cls, runs: Path, run_id: str, attempt: int) -> Self:
        """Return the folder of one attempt at a queued run."""
        folder = cls(runs / run_id / f"a{attempt}")
        folder.run_id, folder.attempt = run_id, attempt
        return folder

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    @property
    def previous_checkpoint(self) -> Path:
        return self.path / "checkpoint.previous.pt"

    @property
    def log(self) -> Path:
        """The output of the process that trains a queued run."""
        return self.path / "log.txt"

    @property
    def probes(self) -> Path:
        return self.path / "probe"

    @property
    def artifacts(self) -> Path:
        """Files that go to MLflow unchanged: weights, arrays, the spec."""
        return self.path / "artifacts"

    @property
    def flow(self) -> Path:
        """The statistics arrays of all probes of an ended run."""
        return self.artifacts / "flow" / "flow.npz"

    @property
    def data(self) -> Path:
        """The contents of files that runs of this home read."""
        runs = self.path.parent if self.attempt is None else self.path.parent.parent
        return runs.parent / "data"

    @property
    def is_finished(self) -> bool:
        return (self.path / "result.json").exists()

    def remedy(self, ended: bool) -> str:
        """Return what to do about a damaged file of a run with or without a result."""
        copy = "Put the file back from a copy, or train the run again"
        if self.attempt is None:
            return f"{copy} with: bptt run"
        if not ended:
            return f"{copy} once it has ended: bptt retry {self.run_id}"
        # one that succeeded is not retried
        grid_id = grid_of(self.run_id)
        return f"{copy}: bptt delete {self.run_id} --yes, then: bptt fill {grid_id}"

    def create(self, run: Mapping[str, Any]) -> None:
        """Create the folder with its `run.json`; nothing is left behind if that fails."""
        self.path.mkdir(parents=True, mode=0o755)
        try:
            self.write("run", run)
        except BaseException:
            self.path.rmdir()
            raise

    def keep_checkpoint(self) -> None:
        """Make the checkpoint the previous one as well, so that a new one may take its place."""
        if self.checkpoint.exists():
            link(self.checkpoint, self.previous_checkpoint)

    def drop_superseded(self, probes: bool) -> None:
        """Remove, once there is a result, checkpoints and, if one file has all, single `probes`."""
        for path in (self.checkpoint, self.previous_checkpoint):
            # what cannot be removed only takes room
            with suppress(OSError):
                path.unlink()
        if probes:
            shutil.rmtree(self.probes, ignore_errors=True)

    def discard(self) -> None:
        """Remove the folder of a run that never started."""
        shutil.rmtree(self.path)

    def write(self, name: str, content: Mapping[str, Any], durable: bool = True) -> None:
        """Replace `<name>.json` atomically; after a crash it is either the old or the new one.

        See `replace` for what is not durable.
        """
        text = json.dumps(documents.numbered(name, content), indent=1, sort_keys=True)
        replace(self.path / f"{name}.json", text.encode(), durable)

    def read(self, name: str) -> dict[str, Any] | None:
        """Return the content of `<name>.json`, or None if it was never written.

        Raises:
            DocumentDamaged: it is empty, torn, or not what this program writes.
        """
        path = self.path / f"{name}.json"
        try:
            return documents.unnumbered(name, json.loads(path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError:
            reason = "it is a folder"
        except DocumentMisfit as misfit:
            reason = str(misfit)
        except (ValueError, RecursionError):
            reason = "it is no whole JSON"
        raise self._damaged(name, reason)

    def read_run(self) -> RunDocument | None:
        """Return what `run.json` holds; see `_read_as`."""
        return self._read_as(RunDocument)

    def read_result(self) -> ResultDocument | None:
        """Return what `result.json` holds; see `_read_as`."""
        return self._read_as(ResultDocument)

    def _read_as(self, document: type[D]) -> D | None:
        """Return what a document holds, or None if it was never written.

        Raises:
            DocumentDamaged: it is not what this program writes, or lacks what it must hold.
        """
        content = self.read(document.FILE)
        try:
            return None if content is None else document.of(content)
        except DocumentMisfit as misfit:
            raise self._damaged(document.FILE, str(misfit)) from None

    def _damaged(self, name: str, reason: str) -> DocumentDamaged:
        path = self.path / f"{name}.json"
        remedy = self.remedy(self.is_finished)
        return DocumentDamaged(f"{path} is damaged: {reason}. {remedy}.", reason)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from training this run; the system releases the lock if we die.

        Raises:
            RunBusy: another process has the run.
        """
        # the folder itself is locked: no file is left behind, and none can be deleted under us
        handle = os.open(self.path, os.O_RDONLY)
        try:
            if not try_lock(handle):
                raise RunBusy(
                    f"Run {self.run_id} is being trained by another process; "
                    f"see how it stands with: bptt show {self.run_id}"
                )
            yield
        finally:
            os.close(handle)

    def probe_files(self) -> list[Path]:
        """Return the statistics files in the order of their steps."""
        return sorted(self.probes.glob("[0-9]*.npz"))

    def records(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (offset behind the record, record) for whole journal lines in [start, end).

        Raises:
            JournalDamaged: at the first damaged line, after what lies before it.
        """
        try:
            yield from read_records(self.journal, start, end)
        except JournalDamaged as damage:
            raise self._with_remedy(damage) from None

    def readable_records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield what `records` does, but treat a damaged line as the end of the journal."""
        with suppress(JournalDamaged):
            yield from self.records()

    def damage(self) -> JournalDamaged | None:
        """Return what is wrong with the journal; None: every whole line of it can be read."""
        try:
            for _ in self.records():
                pass
        except JournalDamaged as damage:
            return damage
        return None

    def whole_length(self) -> int:
        """Return how many bytes of the journal are complete, undamaged lines."""
        return max((offset for offset, _ in self.readable_records()), default=0)

    def finished_records(self) -> list[dict[str, Any]]:
        """Return the whole journal of a run that has its result, parsed in one go.

        Raises:
            JournalDamaged: it holds a damaged line.
        """
        try:
            return read_whole(self.journal)
        except JournalDamaged as damage:
            raise self._with_remedy(damage) from None

    def _with_remedy(self, damage: JournalDamaged) -> JournalDamaged:
        return JournalDamaged(
            f"{damage} {self.remedy(self.is_finished)}.", damage.offset, damage.reason
        )

    def open_journal(self, length: int = 0) -> Journal:
        """Open the journal for appending after byte `length`; what follows is cut off.

        Raises:
            CheckpointDamaged: the journal is shorter than that.
        """
        return Journal(self.journal, self.run_id, length)


def attempts(runs: Path, run_id: str) -> list[RunFolder]:
    """Return the folders of the attempts at a queued run, the newest first."""
    names = [p.name for p in (runs / run_id).iterdir()] if (runs / run_id).is_dir() else []
    numbers = sorted((int(name[1:]) for name in names if _ATTEMPT.fullmatch(name)), reverse=True)
    return [RunFolder.of_attempt(runs, run_id, number) for number in numbers]


def find_run(runs: Path, run_id: str) -> RunFolder:
    """Return the folder of the run whose id is, or starts with, `run_id`.

    For a queued run this is the folder of the newest attempt that has begun.

    Raises:
        RunNotFound: no run or several match.
    """
    run_id = run_id.rstrip("/")
    names = sorted(p.name for p in runs.iterdir() if p.is_dir()) if runs.is_dir() else []
    found = [name for name in names if name == run_id] or [
        name for name in names if run_id and name.startswith(run_id)
    ]
    if len(found) == 1:
        begun = [a for a in attempts(runs, found[0]) if (a.path / "run.json").exists()]
        return begun[0] if begun else RunFolder(runs / found[0])
    if not found:
        latest = ", ".join(names[-3:]) or "none"
        raise RunNotFound(f"No run {run_id!r} in {runs}; the latest there: {latest}.")
    raise RunNotFound(
        f"{run_id!r} matches {len(found)} runs: {', '.join(found[:5])}. Give more of the id."
    )
