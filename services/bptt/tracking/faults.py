"""Why a run was not sent: because of MLflow or the machine, or because of the run itself."""

import errno

from bptt.durable import FULL
from bptt.errors import BpttError, RunUnshippable, TrackingUnavailable, Unavailable
from bptt.run_folder import RunFolder
from bptt.tracking.client import FINAL

LONGEST = 300
"""Characters of a reason."""
OF_THE_DISK = (*FULL, errno.EROFS, errno.EIO)
"""Errors of the system that concern a disk, whichever file is accessed."""


def fault(folder: RunFolder, error: Exception) -> TrackingUnavailable:
    """Return what to raise instead of an error that ended a visit to a run's folder."""
    reason = reason_of(error)
    if _is_of_run(folder, error):
        return RunUnshippable(f"Run {folder.run_id} cannot be sent to MLflow: {reason}")
    return TrackingUnavailable(f"Run {folder.run_id} is not (wholly) in MLflow yet: {reason}")


def reason_of(error: BaseException) -> str:
    """Return the first line of an error's message."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, KeyError):
        return f"the field {error} is missing"
    said = " ".join(str(error).strip().partition("\n")[0].split())
    if isinstance(error, BpttError) and said:
        # ends with what to do
        return said
    named = isinstance(error, TypeError | AttributeError | LookupError)
    return (f"{type(error).__name__}: {said}" if named or not said else said)[:LONGEST]


def _is_of_run(folder: RunFolder, error: Exception) -> bool:
    """Say whether the run's own folder is what cannot be read, or what MLflow refuses for good."""
    if isinstance(error, BpttError):
        return not isinstance(error, TrackingUnavailable | Unavailable)
    if isinstance(error, OSError):
        # of shutil, when it copies several files
        parts = error.args[0] if error.args and isinstance(error.args[0], list) else []
        files = [error.filename, error.filename2, *(part[0] for part in parts)]
        inside = any(str(file).startswith(f"{folder.path}/") for file in files if file)
        return inside and error.errno not in OF_THE_DISK
    code = getattr(error, "error_code", None)
    if code is not None:
        return code in FINAL
    # what a file says that is not what it should be; nothing of MLflow's raises these bare
    return isinstance(error, ValueError | LookupError | TypeError | AttributeError | EOFError)
