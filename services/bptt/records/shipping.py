"""Runs on their way to MLflow."""

from collections.abc import Sequence
from dataclasses import dataclass

from bptt.lifecycle import Status


@dataclass(frozen=True)
class ToShip:
    """A run of which MLflow may be missing something."""

    run_id: str
    grid_id: str
    """The grid it belongs to now; its first grid may have been deleted since."""
    attempt: int
    """Newest attempt that has begun; its folder holds what is to be shipped."""
    status: Status
    mlflow_run_id: str | None


@dataclass(frozen=True)
class Arrears:
    """What has ended and is not, or not completely, in MLflow."""

    pending: int = 0
    """Runs that will be sent as soon as possible."""
    damaged: int = 0
    """Runs that cannot be sent, for a reason of their own."""
    such_as: Sequence[tuple[str, str]] = ()
    """Some of those: id and reason."""
