"""Sends what lies in run folders to MLflow; the only imports of mlflow, and the figures.

The journal comes first: training writes files and never waits for a server. `ship` sends what
is committed, `Shipper` does so from a thread, `unshipped` finds what was left behind. Importing
this package loads neither mlflow nor matplotlib.
"""

from bptt.tracking.shipper import Shipper
from bptt.tracking.shipping import is_shipped, ship, unshipped
from bptt.tracking.state import Shipped
from bptt.tracking.target import Target, check_target, target_of

__all__ = [
    "Shipped",
    "Shipper",
    "Target",
    "check_target",
    "is_shipped",
    "ship",
    "target_of",
    "unshipped",
]
