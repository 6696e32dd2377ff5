"""Where in a plugin author's own code something happens, as opposed to torch's code and ours."""

import os
import sysconfig
from collections.abc import Iterator
from types import FrameType

import bptt

OURS = os.path.dirname(bptt.__file__) + os.sep
CONTRACTS = os.path.join(OURS, "contracts") + os.sep
"""Our own code that authors derive from: it occurs between frames of theirs."""
STANDARD = sysconfig.get_path("stdlib") + os.sep
LIBRARIES = ("torch", "numpy")


def place_of(cause: BaseException) -> str:
    """Return ` (file:line)` of the author's innermost line that an exception passed through.

    Empty if there is none.
    """
    place, traceback = "", cause.__traceback__
    while traceback is not None:
        if _is_author(traceback.tb_frame):
            place = f" ({traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    return place


def place_before(frame: FrameType | None) -> str:
    """Return ` (file:line)` of the author's nearest line that led to a frame.

    Empty if our own code led to it directly.
    """
    for caller in _callers(frame):
        if _is_author(caller):
            return f" ({caller.f_code.co_filename}:{caller.f_lineno})"
        name = caller.f_code.co_filename
        if name.startswith(OURS) and not name.startswith(CONTRACTS):
            return ""
    return ""


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
        yield frame


def _is_author(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    library = str(frame.f_globals.get("__name__", "")).partition(".")[0] in LIBRARIES
    standard = name.startswith(STANDARD) and "-packages" not in name
    return not (library or standard or name.startswith((OURS, "<frozen")))
