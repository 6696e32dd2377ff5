"""`Unrenewed`: leases that nobody renews, by this machine's monotonic clock."""

from collections.abc import Collection

from bptt import host
from bptt.records.ownership import Lease


class Unrenewed:
    """Watches leases that the database's clock will not end for long, because it was set back.

    Args:
        lease_seconds: how long a lease lasts.
        stall: seconds between two looks after which the watch begins anew: nobody looked, or the
            database was away, and its owners could not renew.
    """

    def __init__(self, lease_seconds: float, stall: float) -> None:
        self._lease, self._stall = lease_seconds, stall
        self._since: dict[Lease, float] = {}
        self._looked_at = 0.0

    def look(self, leases: Collection[Lease]) -> list[Lease]:
        """Take a look at those there are; return those that have been the same for a lease."""
        now = host.steady()
        if now - self._looked_at > self._stall:
            self._since = {}
        self._looked_at = now
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return [lease for lease, since in self._since.items() if now - since > self._lease]
