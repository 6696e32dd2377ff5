"""`Origin`: a checkpoint that a run can continue from, and its journal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bptt.errors import CheckpointDamaged
from bptt.execution.checkpoint import from_bytes
from bptt.run_folder import RunFolder


@dataclass(frozen=True)
class Origin:
    """An intact checkpoint, with a journal that is intact up to there."""

    folder: RunFolder
    content: bytes
    """The checkpoint as it was written."""
    saved: dict[str, Any]
    """The checkpoint as it is read: `run`, `journal`, `backend`."""

    @property
    def step(self) -> int:
        """Updates done."""
        return int(self.saved["run"]["step"])

    @property
    def journal(self) -> int:
        """Bytes of the journal when it was written."""
        return int(self.saved["journal"])


def find_origin(folder: RunFolder, tell: Callable[[str], None]) -> Origin | None:
    """Return the newest usable checkpoint in a folder; None if there is none.

    Args:
        folder: of an attempt, or of a run outside the queue.
        tell: receives a line about each damaged checkpoint that is skipped.
    """
    whole: int | None = None
    for path in (folder.checkpoint, folder.previous_checkpoint):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        # a disk that fails for one file may still have the other
        except OSError as error:
            tell(f"{path.name}{_of(folder)} cannot be read: {error.strerror or error}")
            continue
        try:
            origin = Origin(folder, content, from_bytes(content))
            if whole is None:
                whole = folder.whole_length()
            if whole < origin.journal:
                raise CheckpointDamaged(
                    f"The journal is whole for {whole} bytes, but the checkpoint needs "
                    f"{origin.journal}."
                )
        except CheckpointDamaged as damage:
            tell(f"{path.name}{_of(folder)} cannot be used: {damage}")
            continue
        return origin
    return None


def _of(folder: RunFolder) -> str:
    return "" if folder.attempt is None else f" of attempt {folder.attempt}"
