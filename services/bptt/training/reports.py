"""What training reports: one report per update of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

OutcomeName = Literal["solved", "finished", "diverged", "time_limit"]


@dataclass(frozen=True)
class Outcome:
    """How a run ended; a divergence is a result, not a failure."""

    name: OutcomeName
    step: int
    tensor: str | None = None
    """What became non-finite first, if the run diverged."""


@dataclass(frozen=True)
class UpdateReport:
    """What one update produced; empty for most."""

    step: int
    """Updates done."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    probe: Mapping[str, Tensor] = field(default_factory=dict)
    """Statistics arrays by name, float64."""
    outcome: Outcome | None = None
