"""Executes the run in a folder: trains it, records it, and resumes it by itself."""

import platform
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from bptt.errors import RunNotFound
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.spec import RunSpec

ID_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    step: int
    steps: int
    metrics: Mapping[str, float]
    """Metrics of this update; empty for most."""


def begin(
    settings: Settings,
    *,
    spec: RunSpec,
    name: str,
    project: str,
    identity: str,
    plugins: Mapping[str, str],
) -> RunFolder:
    """Make the folder of a new run and return it; its id sorts by the time of creation."""
    import torch

    unique = "".join(secrets.choice(ID_ALPHABET) for _ in range(4))
    run_id = f"{time.strftime('%y%m%d-%H%M%S')}-{unique}"
    folder = RunFolder(settings.runs / run_id)
    folder.create(
        {
            "run_id": run_id,
            "name": name,
            "project": project,
            "spec": spec.model_dump(mode="json"),
            "identity": identity,
            "plugins": dict(plugins),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
    )
    return folder


def execute(
    folder: RunFolder,
    *,
    checkpoint_seconds: float,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train the run in `folder` from its last checkpoint, or from the start, to its end.

    Args:
        folder: made by `begin`.
        checkpoint_seconds: wall time between two checkpoints.
        on_progress: called after every update, in this thread.

    Returns:
        The content of `result.json`; at once if the run had already ended.

    Raises:
        CheckpointDamaged: the checkpoint is not whole.
        KeyboardInterrupt: after Ctrl-C, once the update under way is done and saved.
        RunNotFound: the folder holds no run.
    """
    from bptt.training import TrainingRun, train
    from bptt.worker.recording import Recorder

    if (result := folder.read("result")) is not None:
        return result
    run = folder.read("run")
    if run is None:
        raise RunNotFound(f"{folder.path} holds no run: run.json is missing.")
    training = TrainingRun(RunSpec.model_validate(run["spec"]))
    recorder = Recorder(folder, training)
    try:
        with _interrupt_between_updates() as interrupted:
            for report in train([training]):
                recorder.record(report)
                if on_progress:
                    on_progress(Progress(report.step, training.spec.training.steps, report.metrics))
                due = time.monotonic() - recorder.saved_at >= checkpoint_seconds
                if report.outcome is None and (due or interrupted.is_set()):
                    recorder.checkpoint()
                    if interrupted.is_set():
                        raise KeyboardInterrupt
        return recorder.finish()
    finally:
        recorder.close()


@contextmanager
def _interrupt_between_updates() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that it never falls into the middle of an update."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def remember(_signal: int, _frame: FrameType | None) -> None:
        # a second Ctrl-C is meant: it ends the process where it stands
        signal.signal(signal.SIGINT, before)
        interrupted.set()

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
