"""`ClockWatch`: whether the database's clock keeps pace with this machine's monotonic one."""

from collections.abc import Callable

from bptt import host


class ClockWatch:
    """Compares the two between one look and the next.

    Leases use the database's clock, which may be changed by a person, a time server or a resumed
    machine. Then every lease seems to have expired at once, or none for hours.

    Args:
        tolerance: seconds by which it may be off between two looks.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._base: tuple[float, float] | None = None
        """The database's time, and the monotonic one just before it was read."""

    def look(self, read: Callable[[], float]) -> float:
        """Read the database's clock; return by how many seconds it was changed since the last look.

        0 at the first look, and for changes within the tolerance.
        """
        before = host.steady()
        found = read()
        after = host.steady()
        base, self._base = self._base, (found, before)
        if base is None:
            return 0.0
        # reading may have taken any part of the time
        least, most = base[0] + before - base[1], base[0] + after - base[1]
        jump = found - most if found > most else min(found - least, 0.0)
        return jump if abs(jump) > self._tolerance else 0.0

    @property
    def latest(self) -> float:
        """The latest time that the database's clock may show now unless it was changed."""
        if self._base is None:
            raise RuntimeError("the clock has not been looked at")
        return self._base[0] + host.steady() - self._base[1] + self._tolerance
