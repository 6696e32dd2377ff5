"""`RunContext`: what is known about a run besides what is in its folder."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Ended = Literal["failed", "cancelled"]
"""How a run has ended that will never go on and has no result, or whose result does not count."""
Phase = Literal["unknown", "training", "stopped"] | Ended
"""training: this process is training it, or has heard that it is in training; stopped: this
process has just stopped doing so; unknown: only the folder says how it is."""


@dataclass(frozen=True)
class RunContext:
    """What the shipper of its folder knows about a run's state."""

    phase: Phase = "unknown"
    """Decides between RUNNING and KILLED in MLflow as long as there is no result."""
    parent: Callable[[], str] = lambda: ""
    """Called when the run is new to MLflow: its id of the run's parent there, '' if it has none."""
    heat_map: bool = True
    """Whether the heat map is drawn and sent, too, if it is due; a run is complete without it."""

    @property
    def ended(self) -> Ended | None:
        """How the run has ended, if that makes up for a result."""
        return self.phase if self.phase in ("failed", "cancelled") else None
