"""`ship`: one visit to a run's folder, which sends to MLflow what is committed and new."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bptt.errors import BpttError, TrackingMismatch
from bptt.file_lock import try_lock
from bptt.run_folder import RunFolder
from bptt.tracking.client import RunDeleted, RunMissing
from bptt.tracking.faults import fault
from bptt.tracking.run.state import Shipped, committed
from bptt.tracking.run.visit import Ended, Visit
from bptt.tracking.target import Target


def ship(
    folder: RunFolder,
    target: Target,
    *,
    training: bool | None = None,
    ended: Ended | None = None,
    parent: Callable[[], str] = lambda: "",
    pictures: bool = True,
) -> Shipped:
    """Send what is committed in a run's journal and not acknowledged; all of it at the end.

    May be called again at any time and after any failure: identical points are stored once.
    While another process ships the same folder this does nothing.

    Args:
        folder: folder of the run.
        target: where to.
        training: whether this process trains the run right now (True), has just stopped to
            (False), or cannot know (None); decides between RUNNING and KILLED in MLflow.
        ended: how a run has ended that will never go on and has no result, or whose result does
            not count; what it has committed is sent, and then nothing more.
        parent: called when the run is new to MLflow: its id of the run's parent there, empty if
            it has none.
        pictures: draw and send pictures too; without them a run that has ended is not complete.

    Returns:
        What MLflow has acknowledged; `complete` once there is nothing left to send, ever.

    Raises:
        RunUnshippable: what lies in the folder cannot be sent; of other runs that says nothing.
        TrackingMismatch: what is there is no MLflow that takes anything.
        TrackingUnavailable: MLflow cannot be reached or failed; the rest waits in the folder.
    """
    try:
        with alone(folder) as is_ours:
            state = Shipped.read(folder, target.uri)
            if is_ours and not state.complete:
                state = _ship(folder, target, state, training, ended, parent, pictures)
                state.write(folder)
            return state
    except TrackingMismatch:
        raise
    # MLflow, its database driver, the network and the disk have no exception in common
    except Exception as error:
        raise fault(folder, error) from error


def draw(folder: RunFolder) -> None:
    """Draw the pictures of a run that has its result; `ship` sends what is there already.

    Raises:
        FileNotFoundError: the folder holds no run.
    """
    from bptt.tracking.run.pictures import Pictures

    run = folder.read("run")
    if run is None:
        raise FileNotFoundError(f"run.json is missing in {folder.path}")
    Pictures(folder, run, committed(folder), ended=True).draw()


def unshipped(runs: Path) -> list[RunFolder]:
    """Return the folders in `runs` that hold something MLflow has not acknowledged."""
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
        # who tries to send it is told what is wrong with it
        return False


def _ship(
    folder: RunFolder,
    target: Target,
    state: Shipped,
    training: bool | None,
    ended: Ended | None,
    parent: Callable[[], str],
    pictures: bool,
) -> Shipped:
    try:
        Visit(folder, target, state, parent).ship(training, ended, pictures)
    except RunMissing:
        state = Shipped(target.uri)
        Visit(folder, target, state, parent).ship(training, ended, pictures)
    except RunDeleted:
        state.complete = state.deleted = True
    return state


@contextmanager
def alone(folder: RunFolder) -> Iterator[bool]:
    """Hold the right to ship a folder; yields False if another process has it."""
    with (folder.path / "shipped.lock").open("w") as lock:
        yield try_lock(lock)
