"""`ship`: one visit to a run's folder, which sends to MLflow what is committed and new."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bptt.errors import BpttError, RunNotFound, TrackingMismatch
from bptt.file_lock import try_lock
from bptt.run_folder import RunFolder
from bptt.tracking.client import RunDeleted, RunMissing
from bptt.tracking.faults import fault
from bptt.tracking.run.context import RunContext
from bptt.tracking.run.state import Shipped, committed
from bptt.tracking.run.upload import RunUpload
from bptt.tracking.target import Target

UNKNOWN = RunContext()


def ship(folder: RunFolder, target: Target, context: RunContext = UNKNOWN) -> Shipped:
    """Send what is committed in a run's journal and not acknowledged; all of it at the end.

    May be called again at any time and after any failure: identical points are stored once.
    While another process ships the same folder this does nothing.

    Args:
        folder: folder of the run.
        target: where to.
        context: what is known of the run besides what lies in its folder.

    Returns:
        What MLflow has acknowledged; `complete` once there is nothing left to send, ever.

    Raises:
        RunUnshippable: the folder's contents cannot be sent; this says nothing about other runs.
        TrackingMismatch: what answers is not an MLflow that accepts anything.
        TrackingUnavailable: MLflow cannot be reached or failed; the rest waits in the folder.
    """
    try:
        with alone(folder) as is_ours:
            state = Shipped.read(folder, target.uri)
            if is_ours and not state.complete:
                state = _ship(folder, target, state, context)
                state.write(folder)
            return state
    except TrackingMismatch:
        raise
    # MLflow, its database driver, the network and the disk have no exception in common
    except Exception as error:
        raise fault(folder, error) from error


def add_heat_map(folder: RunFolder, target: Target) -> None:
    """Draw the heat map of an ended run that MLflow has otherwise, and send it, unless it is there.

    Raises:
        RunUnshippable: the folder's contents cannot be drawn.
        TrackingUnavailable: MLflow cannot be reached or failed.
    """
    try:
        with alone(folder) as is_ours:
            state = Shipped.read(folder, target.uri)
            has_all = state.complete and not state.deleted and state.target == target.uri
            if is_ours and has_all:
                RunUpload(folder, target, state, UNKNOWN).add_heat_map()
    except TrackingMismatch:
        raise
    # as above
    except Exception as error:
        raise fault(folder, error) from error


def draw(folder: RunFolder, place: Path) -> list[Path]:
    """Draw the pictures of a run, as far as it is committed, into `place`; return the files.

    Raises:
        RunNotFound: the folder holds no run.
    """
    from bptt.tracking.run.pictures import Pictures

    run = folder.read_run()
    if run is None:
        raise RunNotFound(f"{folder.path} holds no run: run.json is missing.")
    return Pictures(folder, run, committed(folder), ended=folder.is_finished).draw(place)


def unshipped(runs: Path) -> list[RunFolder]:
    """Return the folders in `runs` with something that MLflow has not acknowledged."""
    return [folder for folder in unqueued(runs) if not is_shipped(folder)]


def unqueued(runs: Path) -> list[RunFolder]:
    """Return the folders in `runs` of runs outside the queue, the oldest first."""
    return [RunFolder(path.parent) for path in sorted(runs.glob("*/run.json"))]


def is_shipped(folder: RunFolder) -> bool:
    """Say whether MLflow has acknowledged everything that the run has committed so far."""
    state = Shipped.remembered(folder)
    if state is None:
        return False
    try:
        return state.complete or (not folder.is_finished and state.journal == committed(folder))
    except (OSError, ValueError, LookupError, TypeError, BpttError):
        # what is wrong with it is reported when it is sent
        return False


def _ship(folder: RunFolder, target: Target, state: Shipped, context: RunContext) -> Shipped:
    try:
        RunUpload(folder, target, state, context).send()
    except RunMissing:
        state = Shipped(target.uri)
        RunUpload(folder, target, state, context).send()
    except RunDeleted:
        state.complete = state.deleted = True
    return state


@contextmanager
def alone(folder: RunFolder) -> Iterator[bool]:
    """Hold the right to ship a folder; yields False if another process holds it.

    Its file is gone once all is sent: whoever comes later finds nothing left to do.
    """
    path = folder.path / "shipped.lock"
    with path.open("w") as lock:
        is_ours = try_lock(lock)
        yield is_ours
        if is_ours and (state := Shipped.remembered(folder)) and state.complete:
            path.unlink(missing_ok=True)
