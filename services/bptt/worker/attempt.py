"""Begins an attempt's folder: from what earlier attempts left, or from nothing."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bptt.errors import CheckpointDamaged
from bptt.run_folder import RunFolder, attempts, replace
from bptt.training.checkpoint import from_bytes
from bptt.worker.assignment import Assignment
from bptt.worker.execution import software

SAME = ("identity", "plugins", "data")
"""Fields of `run.json` that two attempts must agree in to go on from one another."""


@dataclass(frozen=True)
class _Origin:
    """A good checkpoint of an earlier attempt."""

    folder: RunFolder
    content: bytes
    step: int
    journal: int


def begin_attempt(assignment: Assignment, tell: Callable[[str], None]) -> RunFolder:
    """Fill the folder of an attempt and return it, ready for `execute`.

    It holds the result of an earlier attempt, if one got that far before its worker was lost;
    else the newest good checkpoint, with the journal and statistics up to there; else nothing.

    Args:
        assignment: the attempt; its folder exists, with the log alone in it.
        tell: takes a line about each checkpoint that is damaged and therefore passed over.
    """
    folder = RunFolder.of_attempt(assignment.runs, assignment.run_id, assignment.attempt)
    _clear(folder)
    run = {**assignment.run, "attempt": assignment.attempt, **software()}
    for earlier in _earlier(assignment):
        if not _agrees(earlier, run):
            continue
        if _result(earlier) is not None:
            _copy_whole(earlier, folder)
            break
        if origin := _origin(earlier, tell):
            _copy(origin, folder)
            break
    # last: a folder without it has not begun, and is neither shipped nor gone on from
    folder.write("run", run)
    return folder


def _clear(folder: RunFolder) -> None:
    """Remove what an attempt of this number left that a restored database has forgotten."""
    for path in folder.path.iterdir():
        if path == folder.log:
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _earlier(assignment: Assignment) -> Iterator[RunFolder]:
    """Yield the folders that may be gone on from, the most recent first."""
    for earlier in attempts(assignment.runs, assignment.run_id):
        if earlier.attempt is not None and earlier.attempt < assignment.attempt:
            yield earlier
    if assignment.retry_of:
        yield from attempts(assignment.runs, assignment.retry_of)


def _agrees(earlier: RunFolder, run: dict[str, Any]) -> bool:
    found = earlier.read("run")
    return found is not None and all(found[name] == run[name] for name in SAME)


def _result(earlier: RunFolder) -> dict[str, Any] | None:
    try:
        return earlier.read("result")
    except json.JSONDecodeError:
        return None


def _origin(earlier: RunFolder, tell: Callable[[str], None]) -> _Origin | None:
    for path in (earlier.checkpoint, earlier.previous_checkpoint):
        try:
            content = path.read_bytes()
            saved = from_bytes(content)
            present = earlier.journal.stat().st_size
            if present < saved["journal"]:
                raise CheckpointDamaged(
                    f"The journal has {present} bytes, the checkpoint speaks of {saved['journal']}."
                )
        except FileNotFoundError:
            continue
        except CheckpointDamaged as damage:
            tell(f"{path.name} of attempt {earlier.attempt} cannot be used: {damage}")
            continue
        return _Origin(earlier, content, saved["run"]["step"], saved["journal"])
    return None


def _copy(origin: _Origin, folder: RunFolder) -> None:
    """Copy what a checkpoint needs, as it was when the checkpoint was written."""
    earlier = origin.folder
    with earlier.journal.open("rb") as journal:
        replace(folder.journal, journal.read(origin.journal))
    for file in earlier.probe_files():
        if int(file.stem) <= origin.step:
            folder.probes.mkdir(exist_ok=True)
            replace(folder.probes / file.name, file.read_bytes())
    folder.write("committed", {"journal": origin.journal})
    _copy_shipped(earlier, folder)
    replace(folder.checkpoint, origin.content)


def _copy_whole(earlier: RunFolder, folder: RunFolder) -> None:
    """Copy everything a finished attempt left; its result last, as training would write it."""
    own = {"log.txt", "run.json", "result.json", "failure.json", "shipped.json", "shipped.lock"}
    for path in earlier.path.iterdir():
        if path.name in own or path.name.startswith("."):
            continue
        target: Path = folder.path / path.name
        shutil.copytree(path, target) if path.is_dir() else shutil.copyfile(path, target)
    _copy_shipped(earlier, folder)
    replace(folder.path / "result.json", (earlier.path / "result.json").read_bytes())


def _copy_shipped(earlier: RunFolder, folder: RunFolder) -> None:
    """Copy what MLflow has acknowledged, unless that was of another run."""
    shipped = earlier.read("shipped")
    if shipped is not None and earlier.run_id == folder.run_id:
        folder.write("shipped", shipped)
