"""What the event loop and the thread that watches a process tell each other about it."""

from threading import Event


class GaveWay(Exception):
    """The process was stopped, to be restarted when there is time for it."""


class Stopped(Exception):
    """The process was stopped because the client no longer waits for its answer."""


class Turn:
    """One request's time at work.

    Args:
        small: bytes that its process may use and still count as small; None: any number.
    """

    def __init__(self, small: int | None) -> None:
        self._small = small
        self._stop, self._give_way, self._large = Event(), Event(), Event()

    @property
    def is_large(self) -> bool:
        """The process has used more than a small one may."""
        return self._large.is_set()

    def stop(self) -> None:
        """Have the process stopped, whatever it is doing."""
        self._stop.set()

    def give_way(self) -> None:
        """Have the process stopped, unless it has begun to write."""
        self._give_way.set()

    def look(self, grown: int, writes: bool) -> None:
        """Return if the process may continue; for the thread that watches it.

        Args:
            grown: bytes that it has gained since it began.
            writes: it may have changed something.

        Raises:
            Stopped: it has to end.
            GaveWay: it has to end for now.
        """
        if self._small is not None and grown > self._small:
            self._large.set()
        if self._stop.is_set():
            raise Stopped
        if self._give_way.is_set() and not writes:
            raise GaveWay
