"""Figures averaged over the updates between two log lines."""

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bptt.measuring.logged import (
    CLIP_FRACTION,
    CLIPPED_NORM,
    EFFECTIVE_LR,
    GRAD_NORM,
    NONFINITE,
    NORM_MAX,
    SKIPPED,
    TRAIN_LOSS,
)
from bptt.norms import effective_learning_rate

LOG_LINES = 300
"""Points per metric over a long run: what a chart can show."""

SHORT_LOG_LINES, LOG_WINDOW = 60, 10
"""A short run has at least this many, of at most this many updates each: storing points takes
longer than the updates between them."""

SUMS = ("loss", "grad_norm", "clipped_grad_norm")
HALVINGS = 64
"""More than any number of updates can double."""
LARGEST = sys.float_info.max
"""Stands for norms of finite gradients that exceed float64."""


def log_interval(steps: int) -> int:
    """Return how many updates of a run of `steps` one log line covers."""
    return max(1, steps // LOG_LINES, min(LOG_WINDOW, steps // SHORT_LOG_LINES))


@dataclass
class Window:
    """Sums since the last log line; part of the checkpoint, so that a resume repeats them."""

    updates: int = 0
    loss: float = 0.0
    grad_norm: float = 0.0
    clipped_grad_norm: float = 0.0
    grad_norm_max: float = 0.0
    clipped: int = 0
    effective_lr: float = 0.0
    measured: int = 0
    """Updates made, whose gradients had a norm."""
    skipped: int = 0
    """Updates not made, because the gradient was not finite."""
    nonfinite: int = 0
    """Elements of gradients that were NaN or infinite."""
    halvings: int = 0
    """How often the sums of loss and norms were halved to keep them within float64."""

    def add_loss(self, loss: float) -> None:
        """Count one update."""
        self.updates += 1
        total = self.loss + loss
        if self.halvings or total == math.inf:
            self._add("loss", loss)
        else:
            self.loss = total

    def add_clip(self, norm: float, clipped_norm: float, clipped: bool, lr: float) -> None:
        """Count what the clipper did to one update."""
        self.measured += 1
        norms, clipped_norms = self.grad_norm + norm, self.clipped_grad_norm + clipped_norm
        if self.halvings or norms == math.inf or clipped_norms == math.inf:
            norm, clipped_norm = min(norm, LARGEST), min(clipped_norm, LARGEST)
            self._add("grad_norm", norm)
            self._add("clipped_grad_norm", clipped_norm)
        else:
            self.grad_norm, self.clipped_grad_norm = norms, clipped_norms
        if norm > self.grad_norm_max:
            self.grad_norm_max = norm
        self.clipped += clipped
        self.effective_lr += effective_learning_rate(lr, norm, clipped_norm)

    def _add(self, name: str, value: float) -> None:
        """Add to a sum; all sums are halved before one would overflow."""
        total: float = getattr(self, name) + math.ldexp(value, -self.halvings)
        if total == math.inf and value != math.inf and not self.halvings:
            self.halvings = HALVINGS
            for each in SUMS:
                setattr(self, each, math.ldexp(getattr(self, each), -HALVINGS))
            total = getattr(self, name) + math.ldexp(value, -HALVINGS)
        setattr(self, name, total)

    def _mean(self, total: float, count: int) -> float:
        mean = total / count
        if not self.halvings:
            return mean
        # rounding may exceed it
        return math.ldexp(min(mean, math.ldexp(LARGEST, -self.halvings)), self.halvings)

    def metrics(self) -> dict[str, float]:
        """Return the means over the window."""
        if not self.updates:
            return {}
        metrics = {
            TRAIN_LOSS.key: self._mean(self.loss, self.updates),
            NONFINITE.key: float(self.nonfinite),
            SKIPPED.key: float(self.skipped),
        }
        if self.measured:
            metrics |= {
                GRAD_NORM.key: self._mean(self.grad_norm, self.measured),
                CLIPPED_NORM.key: self._mean(self.clipped_grad_norm, self.measured),
                NORM_MAX.key: self.grad_norm_max,
                CLIP_FRACTION.key: self.clipped / self.measured,
                EFFECTIVE_LR.key: self.effective_lr / self.measured,
            }
        return metrics

    def state_dict(self) -> dict[str, float]:
        """Return what a checkpoint stores."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, float]) -> "Window":
        """Return the window that a checkpoint stored."""
        return cls(**state)  # type: ignore[arg-type]
