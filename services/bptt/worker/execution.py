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

from bptt.errors import DataChanged, RunNotFound
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.spec import RunSpec

ID_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""In the order of their codes and without look-alikes."""


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
    data: str,
    plugins: Mapping[str, str],
) -> RunFolder:
    """Make the folder of a new run and return it; its id sorts by the time of creation."""
    import torch

    folder = RunFolder(settings.runs / _new_id(time.time()))
    folder.create(
        {
            "run_id": folder.run_id,
            "name": name,
            "project": project,
            "spec": spec.model_dump(mode="json"),
            "identity": identity,
            "data": data,
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
        DataChanged: the task would draw other data than the run began with.
        KeyboardInterrupt: after Ctrl-C, once the update under way is done and saved.
        RunBusy: another process trains this run.
        RunNotFound: the folder holds no run.
    """
    from bptt.training import TrainingRun, train
    from bptt.worker.recording import Recorder

    if (result := folder.read("result")) is not None:
        return result
    run = folder.read("run")
    if run is None:
        raise RunNotFound(f"{folder.path} holds no run: run.json is missing.")
    with folder.locked():
        training = TrainingRun(RunSpec.model_validate(run["spec"]))
        if training.task.fingerprint() != run["data"]:
            raise DataChanged(
                f"The data of run {folder.run_id} is not what it began with: "
                f"{dict(training.spec.task.options)}. Put it back, or start a new run."
            )
        recorder = Recorder(folder, training)
        try:
            with _interrupt_between_updates() as interrupted:
                for report in train([training]):
                    recorder.record(report)
                    if on_progress:
                        steps = training.spec.training.steps
                        on_progress(Progress(report.step, steps, report.metrics))
                    due = time.monotonic() - recorder.saved_at >= checkpoint_seconds
                    if report.outcome is None and (due or interrupted.is_set()):
                        recorder.checkpoint()
                        if interrupted.is_set():
                            raise KeyboardInterrupt
            return recorder.finish()
        finally:
            recorder.close()


def _new_id(now: float) -> str:
    """Return day, time, milliseconds as two letters, and three random letters."""
    seconds, fraction = divmod(now, 1)
    place = int(fraction * len(ID_ALPHABET) ** 2)
    letters = [ID_ALPHABET[i] for i in divmod(place, len(ID_ALPHABET))]
    letters += [secrets.choice(ID_ALPHABET) for _ in range(3)]
    return f"{time.strftime('%y%m%d-%H%M%S', time.localtime(seconds))}-{''.join(letters)}"


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
