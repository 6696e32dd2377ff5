"""`Slots`: the places of a worker, each of which trains one run at a time."""

import threading


class Slots:
    """A number of slots, counted from 0; nobody ever waits for one.

    Args:
        count: how many runs may train at once, in total.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._change = threading.Condition()
        self._free = set(range(count))

    def acquire(self) -> int | None:
        """Take the lowest free slot; None if all are busy."""
        with self._change:
            if not self._free:
                return None
            slot = min(self._free)
            self._free.remove(slot)
            return slot

    def release(self, slot: int) -> None:
        """Give a slot back."""
        with self._change:
            if slot in self._free or not 0 <= slot < self.count:
                raise ValueError(f"slot {slot} is not taken")
            self._free.add(slot)
            self._change.notify_all()

    @property
    def idle(self) -> int:
        """How many are free."""
        with self._change:
            return len(self._free)

    def wait_idle(self, seconds: float) -> bool:
        """Wait until all are free, at most this long; return whether they are."""
        with self._change:
            return self._change.wait_for(lambda: len(self._free) == self.count, seconds)
