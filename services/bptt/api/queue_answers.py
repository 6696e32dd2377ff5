"""What the application answers about the queue as a whole."""

from dataclasses import dataclass, field

from bptt.job_queue import BrokerState
from bptt.records.shipping import Arrears
from bptt.records.workers import QueueStatus


@dataclass(frozen=True, kw_only=True)
class Queue(QueueStatus):
    """The state of the queue as a whole."""

    arrears: Arrears = field(default_factory=Arrears)
    disk: str = ""
    """Why the disk of the machine that answers takes no run; empty: it has room."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the queue of a machine depends on, as seen from there: Redis, the database, MLflow."""

    broker: BrokerState
    database: str
    """Its address without secrets; empty: the setting is invalid."""
    hindrance: str
    """Why nothing can be sent to MLflow; empty: no reason, or not asked."""
