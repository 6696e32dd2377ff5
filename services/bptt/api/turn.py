"""What the event loop and the thread that minds a process tell each other of it."""

from threading import Event


class GaveWay(Exception):
    """The process was stopped, to be begun again when there is time for it."""


class Stopped(Exception):
    """The process was stopped: nobody waits for its answer any more."""


class Turn:
    """One request's time at work.

    Args:
        small: bytes that its process may take and still be a small one; None: any.
    """

    def __init__(self, small: int | None) -> None:
        self._small = small
        self._stop, self._give_way, self._large = Event(), Event(), Event()

    @property
    def is_large(self) -> bool:
        """The process has taken more than a small one does."""
        return self._large.is_set()

    def stop(self) -> None:
        """Have the process stopped, whatever it does."""
        self._stop.set()

    def give_way(self) -> None:
        """Have the process stopped, unless it has begun to write."""
        self._give_way.set()

    def look(self, grown: int, writes: bool) -> None:
        """Return if the process may go on; for the thread that minds it.

        Args:
            grown: bytes that it has taken since it began.
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
