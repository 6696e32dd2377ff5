"""Locks on open files, which the system lets go of when their process ends, however it ends."""

import fcntl
from typing import IO


def try_lock(file: int | IO[str]) -> bool:
    """Lock an open file for this process and those that inherit it, without waiting.

    Returns:
        Whether it is ours; False if another process has it.

    Raises:
        OSError: its file system knows no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
