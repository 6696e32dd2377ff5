"""The application of a home, which commands find over a socket; `bptt up` keeps it.

It is started by the first command that asks for it, ends when nobody has asked for a while, and
is started again by the next. A command that finds none does its work itself.
"""

import os
import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from bptt.api import application_socket
from bptt.embedded.home import LOGS
from bptt.embedded.program import Program
from bptt.imported import importing
from bptt.likeness import likeness
from bptt.settings import Settings, for_child, read_settings
from bptt.temporary import own_folder

BACKLOG = 64


class ApplicationProcess:
    """Listens in a home, and starts the application when somebody asks for it.

    Args:
        settings: of the home, which this process holds.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = application_socket(settings.home)
        self._listener = _listen(self._path)
        given = str(self._listener.fileno()) if self._listener else ""
        self._program = Program(
            "the application",
            [sys.executable, "-m", "bptt.embedded.application_process", given],
            settings.home / LOGS / "application.log",
            for_child(settings),
        )

    def tend(self, seconds: float) -> None:
        """Start it if somebody asks for it within this time, all of which passes."""
        until = time.monotonic() + seconds
        self._program.ended()
        if self._listener is not None and self._program.pid is None:
            asking, _, _ = select.select([self._listener], [], [], seconds)
            if asking and not self._has_started(self._listener):
                # whoever asks does their own work, at once
                self._listener.accept()[0].close()
        time.sleep(max(until - time.monotonic(), 0.0))

    def _has_started(self, listener: socket.socket) -> bool:
        if not self._program.is_due():
            return False
        try:
            self._program.start(inherited=listener.fileno())
        except OSError:
            # no memory, or no room for its log
            self._program.put_off()
            return False
        return True

    def request_end(self) -> None:
        """Listen no more, and ask it to end."""
        if self._listener is not None:
            with suppress(OSError):
                self._path.unlink()
            self._listener.close()
            self._listener = None
        self._program.request_end()

    def end(self, seconds: float) -> None:
        """End it, at the latest after this time."""
        if not self._program.wait(seconds):
            self._program.kill()


def _listen(path: Path) -> socket.socket | None:
    """Listen at a path, accessible only to its owner; None: sockets cannot have that path."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # left over from one that was killed: the home is ours
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        return None
    return listener


def main() -> None:
    """Serve the application on the socket whose number is the argument."""
    settings = read_settings()
    # before anything is imported that might change meanwhile
    own = likeness(settings)
    with importing():
        from bptt.api.near import serve_near
    with own_folder(settings.home), socket.socket(fileno=int(sys.argv[1])) as listener:
        serve_near(settings, listener, own)


if __name__ == "__main__":
    main()
