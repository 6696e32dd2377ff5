"""What a worker tells the process that trains an attempt, and what it hears back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from bptt.records.documents import RunDocument

FAILED = 81
"""Exit code of a process that has reported its failure, also in failure.json."""
STOPPED = 82
"""... that was asked to stop, and has saved its run."""
EXPIRED = 83
"""... whose run might belong to another by now, because the worker was silent for too long."""


@dataclass(frozen=True)
class Assignment:
    """One attempt at a run, as its process needs it; free of SQL, because that imports it."""

    runs: Path
    """Folder with one folder per run."""
    run_id: str
    attempt: int
    run: RunDocument
    """What `run.json` says about the run."""
    checkpoint_seconds: float
    deadline: float
    """The time by which the process must hear from its worker again, on the monotonic clock."""
    memory_bytes: int
    """Memory the run may take beyond what every such process takes."""
    gpu: str
    """UUID of the GPU it may see; empty: none."""
    retry_of: str | None = None
    """Another run, from whose last checkpoint this one may start."""


class Order(NamedTuple):
    """From the worker to the process."""

    kind: Literal["deadline", "stop"]
    value: float = 0.0


class News(NamedTuple):
    """From the process to the worker."""

    kind: Literal["begun", "progress", "note", "failure"]
    step: int = 0
    """Updates done; for `begun`, those of the checkpoint that it continues from."""
    checkpoint_step: int = 0
    step_seconds: float | None = None
    text: str = ""
    """A line for people; for a failure, the content of failure.json."""
