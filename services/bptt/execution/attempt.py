"""Prepares an attempt's folder: from what earlier attempts left, or from nothing."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from bptt import registry
from bptt.durable import make_durable
from bptt.durable import replace as replace_file
from bptt.errors import DocumentDamaged, PluginError
from bptt.execution.assignment import Assignment
from bptt.execution.origin import Origin, find_origin
from bptt.execution.software import software
from bptt.records.documents import ResultDocument, RunDocument
from bptt.run_folder import RunFolder, attempts


def begin_attempt(assignment: Assignment, tell: Callable[[str], None]) -> RunFolder:
    """Fill the folder of an attempt and return it, ready for `execute`.

    It gets the result of an earlier attempt, if one got that far before its worker was lost;
    otherwise the newest good checkpoint, with journal and statistics up to there; else nothing.

    Args:
        assignment: the attempt; its folder exists, with only the log in it.
        tell: receives a line about each damaged checkpoint that is skipped, and about each plugin
            whose code was not recorded when the run was queued.
    """
    folder = RunFolder.of_attempt(assignment.runs, assignment.run_id, assignment.attempt)
    _clear(folder)
    run = replace(assignment.run, attempt=assignment.attempt, **software())
    if run.code is None:
        _tell_code(run, tell)
    for earlier in _earlier(assignment):
        if not _agrees(earlier, run):
            continue
        if (damage := earlier.damage()) is not None:
            tell(f"journal of attempt {earlier.attempt}: {damage}")
        # one that ended with a damaged journal is continued, to get all of it again
        if damage is None and _result(earlier) is not None:
            _copy_whole(earlier, folder)
            break
        if origin := find_origin(earlier, tell):
            _copy(origin, folder)
            break
    # last: a folder without it has not begun, and is neither shipped nor continued
    folder.write("run", run.as_json())
    return folder


def _tell_code(run: RunDocument, tell: Callable[[str], None]) -> None:
    """Say what a run is trained with that is of a time when code was not recorded."""
    for section, was in run.plugins.items():
        kind, _, name = section.partition(":")
        # a missing one is reported when it is needed
        with suppress(PluginError):
            now = registry.code_of(registry.find(cast(registry.Kind, kind), name)).text
            if now != was:
                tell(f"{section.replace(':', ' ')}: queued as {was}; the code here is {now}")


def _clear(folder: RunFolder) -> None:
    """Remove what a same-numbered attempt left that a restored database has forgotten."""
    for path in folder.path.iterdir():
        if path == folder.log:
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _earlier(assignment: Assignment) -> Iterator[RunFolder]:
    """Yield the folders that may be continued, the most recent first."""
    for earlier in attempts(assignment.runs, assignment.run_id):
        if earlier.attempt is not None and earlier.attempt < assignment.attempt:
            yield earlier
    if assignment.retry_of:
        yield from attempts(assignment.runs, assignment.retry_of)


def _agrees(earlier: RunFolder, run: RunDocument) -> bool:
    try:
        found = earlier.read_run()
    except DocumentDamaged:
        return False
    return found is not None and _same(found) == _same(run)


def _same(run: RunDocument) -> tuple[Any, ...]:
    """Return what two attempts must agree in to go on from one another."""
    return run.identity, run.plugins, run.data


def _result(earlier: RunFolder) -> ResultDocument | None:
    try:
        return earlier.read_result()
    except DocumentDamaged:
        return None


def _copy(origin: Origin, folder: RunFolder) -> None:
    """Copy what a checkpoint needs, as it was when the checkpoint was written."""
    earlier = origin.folder
    with earlier.journal.open("rb") as journal:
        replace_file(folder.journal, journal.read(origin.journal))
    for file in earlier.probe_files():
        if int(file.stem) <= origin.step:
            folder.probes.mkdir(exist_ok=True)
            replace_file(folder.probes / file.name, file.read_bytes())
    folder.write("committed", {"journal": origin.journal})
    _copy_shipped(earlier, folder, origin.journal)
    replace_file(folder.checkpoint, origin.content)


def _copy_whole(earlier: RunFolder, folder: RunFolder) -> None:
    """Copy everything a finished attempt left; its result last, as training would write it."""
    own = {"log.txt", "run.json", "result.json", "failure.json", "shipped.json", "shipped.lock"}
    for path in earlier.path.iterdir():
        if path.name in own or path.name.startswith("."):
            continue
        target: Path = folder.path / path.name
        shutil.copytree(path, target) if path.is_dir() else shutil.copyfile(path, target)
    copied = [path for path in sorted(folder.path.rglob("*")) if path.is_file()]
    # before the result says that they are complete
    make_durable(copied)
    _copy_shipped(earlier, folder, earlier.journal.stat().st_size)
    replace_file(folder.path / "result.json", (earlier.path / "result.json").read_bytes())


def _copy_shipped(earlier: RunFolder, folder: RunFolder, journal: int) -> None:
    """Copy what MLflow has acknowledged, unless it belongs to another run.

    It is not synced to disk, so a crash of the machine may leave it empty or torn: then everything
    is sent again, and MLflow drops what it already has.

    Args:
        earlier: where it is.
        folder: where it goes.
        journal: bytes of the journal that are continued.
    """
    if earlier.run_id != folder.run_id:
        return
    try:
        shipped = earlier.read("shipped")
        if shipped is not None and shipped.get("run_id", folder.run_id) != folder.run_id:
            return
        if shipped is not None and int(shipped["journal"]) > journal:
            # what was sent beyond that is computed again, and must not be sent twice
            shipped |= {"journal": 0, "resent_after": int(shipped["step"])}
    except (DocumentDamaged, LookupError, TypeError, ValueError):
        return
    if shipped is not None:
        folder.write("shipped", shipped)
