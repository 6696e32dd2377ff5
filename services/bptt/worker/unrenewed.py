"""`Unrenewed`: leases that are not renewed, by this machine's monotonic clock."""

from collections.abc import Collection

from bptt import host
from bptt.records.ownership import Lease


class Unrenewed:
    """Watches leases that will seem valid for too long, because the database's clock was set back.

    Args:
        lease_seconds: how long a lease lasts.
        stall: seconds between two looks after which the watch starts over: nobody looked, or the
            database was down, and owners could not renew.
    """

    def __init__(self, lease_seconds: float, stall: float) -> None:
        self._lease, self._stall = lease_seconds, stall
        self._since: dict[Lease, float] = {}
        self._looked_at = 0.0

    def look(self, leases: Collection[Lease]) -> list[Lease]:
        """Look at the present ones; return those that have not changed for one lease."""
        now = host.steady()
        if now - self._looked_at > self._stall:
            self._since = {}
        self._looked_at = now
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return [lease for lease, since in self._since.items() if now - since > self._lease]
