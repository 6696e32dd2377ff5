"""Executes the run in a folder: trains it, records it, and resumes it by itself."""

import getpass
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bptt import registry
from bptt.content import digests_in, with_file_names
from bptt.errors import DataChanged, OutOfMemory, PluginChanged, PluginError, RunNotFound
from bptt.execution.software import software
from bptt.host import hostname, physical_memory
from bptt.identifiers import ALPHABET, random_letters
from bptt.library import Library, check
from bptt.lifecycle import QUEUED_WITH
from bptt.memory_limit import is_memory
from bptt.records.documents import ResultDocument, RunDocument
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.spec import RunSpec

if TYPE_CHECKING:
    from bptt.run_file import RunRequest
    from bptt.training import TrainingRun


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run."""

    step: int
    steps: int
    metrics: Mapping[str, float]
    """Metrics of this update; empty for most."""
    checkpoint_step: int
    """Where it would continue if it were killed now."""


def begin(settings: Settings, request: "RunRequest") -> RunFolder:
    """Create the folder of a new run and return it; its id sorts by the time of creation.

    The content of each of its files is stored in the home: editing a file affects no run.

    Raises:
        UnusableFile: a file has changed since its hash was computed.
    """
    for path, named in request.files.items():
        Library(settings.data).take(path, named)
    folder = RunFolder(settings.runs / _new_id(time.time()))
    run = RunDocument(
        run_id=folder.run_id,
        name=request.name,
        project=request.project,
        spec=request.spec.model_dump(mode="json"),
        identity=request.identity,
        data=request.data,
        plugins=dict(request.plugins),
        code=dict(request.code),
        files={named.sha256: named.name for named in request.files.values()},
        user=getpass.getuser(),
        git_commit=_git_commit(),
        created_at=isotime(time.time()),
        **software(),
    )
    folder.create(run.as_json())
    return folder


def isotime(seconds: float) -> str:
    """Return seconds since the epoch as `run.json` holds times."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def execute(
    folder: RunFolder,
    *,
    checkpoint_seconds: float,
    on_begin: Callable[[int], None] | None = None,
    on_progress: Callable[[RunProgress], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    keep: bool = False,
) -> ResultDocument | None:
    """Train the run in `folder` from its last checkpoint, or from the start, to its end.

    Args:
        folder: made by `begin`.
        checkpoint_seconds: wall time between two checkpoints.
        on_begin: called before the first update with the number of those already done.
        on_progress: called after every update, in this thread.
        should_stop: called after every update; once it returns True the run is saved and left.
        keep: leave the folder of a run that cannot be built, for the log that is in it.

    Returns:
        Its result, at once if the run had already ended; None if it was stopped.

    Raises:
        CheckpointDamaged: the checkpoint is damaged.
        DataChanged: the task would draw different data from before, or a file is gone.
        PluginChanged: a plugin is another version, or its code another, than what the run is of.
        OutOfMemory: the run cannot be built; if it never began, its folder is gone (see `keep`).
        RunBusy: another process is training this run.
        RunNotFound: the folder contains no run.
    """
    from bptt.execution.recording import Recorder
    from bptt.training import train

    if (result := folder.read_result()) is not None:
        return result
    run = folder.read_run()
    if run is None:
        raise RunNotFound(f"{folder.path} holds no run: run.json is missing.")
    with folder.locked():
        training = _build(folder, run, keep)
        recorder = Recorder(folder, training)
        try:
            if on_begin:
                on_begin(training.step)
            for report in train(training):
                recorder.record(report)
                if on_progress:
                    steps = training.spec.training.steps
                    saved = recorder.saved_step
                    on_progress(RunProgress(report.step, steps, report.metrics, saved))
                stops = report.outcome is None and should_stop()
                due = time.monotonic() - recorder.saved_at >= checkpoint_seconds
                if stops or (due and report.outcome is None):
                    recorder.checkpoint()
                if stops:
                    return None
            return recorder.finish()
        finally:
            recorder.close()


def _build(folder: RunFolder, run: RunDocument, keep: bool) -> "TrainingRun":
    _refuse_changed(folder, run)
    # after it: what is imported is what was just looked at
    registry.forget_edited()
    try:
        spec = RunSpec.model_validate(run.spec)
        if _least_bytes(spec) > physical_memory():
            raise MemoryError
        training = _with_files(folder, run, spec)
    except Exception as error:
        if not keep and not folder.checkpoint.exists():
            folder.discard()
        if is_memory(error):
            raise OutOfMemory(
                "The run needs more memory than there is. Make model.hidden_size, model.layers, "
                "training.batch_size, training.evaluation_size or the task's length smaller."
            ) from error
        raise
    # once more: it may have been edited just before it was imported
    _refuse_changed(folder, run)
    if training.task.fingerprint() != run.data:
        options = with_file_names(run.spec, run.files)["task"]["options"]
        raise DataChanged(
            f"The data of run {folder.run_id} is not what it began with: {options}. Put it back, "
            "or start a new run."
        )
    return training


def _refuse_changed(folder: RunFolder, run: RunDocument) -> None:
    """Raise if an installed plugin is not what the run is of; one that is missing raises later."""
    where = f" on {hostname()}" if run.is_queued else ""
    try:
        changed = registry.changes(run.plugins, run.code, where)
    except PluginError:
        return
    for section, words in changed.items():
        called = f"{section.replace(':', ' ')} {words}"
        if run.is_queued:
            raise PluginChanged(
                f"{QUEUED_WITH} {called}; put it back, or submit the grid again, as a new one"
            )
        raise PluginChanged(
            f"Run {folder.run_id} began with the {called}. Put it back, or start a new run."
        )


def _with_files(folder: RunFolder, run: RunDocument, spec: RunSpec) -> "TrainingRun":
    """Construct a run whose plugins read the contents that its spec refers to."""
    from bptt.training import TrainingRun

    names, library = run.files, Library(folder.data)
    # a run of an earlier version names a path, which is opened directly
    places = {digest: library.path(digest) for digest in sorted(digests_in(run.spec))}
    for digest, path in places.items():
        check(path, digest, names.get(digest, ""))
    with registry.files_at(places, names):
        return TrainingRun(spec)


def _least_bytes(spec: RunSpec) -> int:
    """Return what one recurrent block per cell takes: its weights, gradients and one moment.

    Checked before anything is built, because a system that promises more memory than it has would
    kill the process later, without warning.
    """
    cells = spec.model.layers * (2 if spec.model.bidirectional else 1)
    return 3 * 4 * cells * spec.model.hidden_size**2


def _git_commit() -> str | None:
    """Return the commit of the current folder, if it is under git."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _new_id(now: float) -> str:
    """Return day, time, milliseconds as two letters, and three random letters."""
    seconds, fraction = divmod(now, 1)
    place = int(fraction * len(ALPHABET) ** 2)
    letters = "".join(ALPHABET[i] for i in divmod(place, len(ALPHABET))) + random_letters(3)
    return f"{time.strftime('%y%m%d-%H%M%S', time.localtime(seconds))}-{letters}"
