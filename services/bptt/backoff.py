"""`Backoff`: how long to wait after a failure, twice as long after each one in a row."""

STEADY = 60.0
"""Seconds after which the end of a process counts as a first failure again."""


class Backoff:
    """Counts failures in a row, and says how long to wait after the last one.

    It neither calls nor sleeps: its users wait on an event, for a condition or until a visit is
    due, and most have other work meanwhile.

    Args:
        first: seconds to wait after one failure.
        longest: seconds that no wait exceeds.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self.failures = 0

    @property
    def wait(self) -> float:
        """Seconds to wait now: 0 if nothing has failed since the last `reset`."""
        if not self.failures:
            return 0.0
        # the exponent stays small enough for a float
        return min(self._first * 2.0 ** min(self.failures - 1, 60), self._longest)

    def fail(self) -> float:
        """Count a failure; return the seconds to wait after it."""
        self.failures += 1
        return self.wait

    def end(self, lasted: float) -> float:
        """Count the end of something that should have kept running; return the seconds to wait.

        Args:
            lasted: seconds it ran; if that is long, its earlier ends are forgotten.
        """
        if lasted > STEADY:
            self.reset()
        return self.fail()

    def reset(self) -> None:
        """Forget all failures: something went well."""
        self.failures = 0
