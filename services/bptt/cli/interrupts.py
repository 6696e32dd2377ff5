"""Signals as a request to stop, which takes effect between two updates."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; a scheduler's or `kill`'s request; the terminal that was closed."""


@contextmanager
def stop_request() -> Iterator[threading.Event]:
    """Yield an event that the first stopping signal sets; the second one acts as usual.

    So a signal hits neither the middle of an update nor an import that would swallow it.
    """
    wanted = threading.Event()
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in STOPPING}

    def remember(number: int, frame: FrameType | None) -> None:
        wanted.set()
        _restore(before)

    for number in STOPPING:
        # nohup's choice to ignore SIGHUP is left alone
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, remember)
    try:
        yield wanted
    finally:
        _restore(before)


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        # None: installed by a program that embeds Python; only that program can install it again
        if handler is not None:
            signal.signal(number, handler)
