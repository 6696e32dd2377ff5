"""How fast runs are here: the model's seconds, corrected by measurements of runs.

A run of a few updates says next to nothing about a long one, because one-off work dominates it. So
measurements are weighed against one second of the model's: a smoke run of 40 milliseconds leaves an
estimate nearly unchanged, while runs of minutes decide it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bptt.records.work import MeasuredRun
from bptt.store.plan import REFERENCE_SPEED

if TYPE_CHECKING:
    from bptt.run_file.cost import Cost

START = 0.1
"""Seconds of a run besides what the model counts: its process, its folder, its end."""
PRIOR, PRIOR_OF_CELL = 1.0, 0.5
"""Weight of the model, in seconds, against measurements of all cells and of one cell."""
SPREADS = ((20.0, 1.35), (2.0, 1.6), (0.0, 2.2))
"""By which factor an estimate may be off, by how many of the model's seconds were measured."""
ENOUGH = 2
"""How many runs of equal cost are needed to say how long another one takes."""


@dataclass(frozen=True)
class Evidence:
    """What the latest runs took, and how fast this machine is against the reference machine."""

    by_cell: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Measured seconds, and the model's for the same updates."""
    by_cost: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """The number of runs by cost, and their total seconds."""


def evidence(measured: Iterable[MeasuredRun]) -> Evidence:
    """Return what runs show."""
    by_cell: dict[str, tuple[float, float]] = {}
    by_cost: dict[str, tuple[int, float]] = {}
    for run in measured:
        seconds, modelled = by_cell.get(run.cell, (0.0, 0.0))
        by_cell[run.cell] = seconds + run.seconds, modelled + run.work / REFERENCE_SPEED
        number, total = by_cost.get(run.cost_key, (0, 0.0))
        by_cost[run.cost_key] = number + 1, total + run.seconds
    return Evidence(by_cell, by_cost)


@dataclass(frozen=True)
class Pace:
    """Turns the model's seconds into seconds here.

    Args:
        evidence: what was measured.
        machine: seconds here for one of the reference machine's, by a quick measurement.
    """

    evidence: Evidence
    machine: float = 1.0

    @property
    def of_all(self) -> float:
        """Seconds here for one of the model's, whatever the cell."""
        seconds = sum(s for s, _ in self.evidence.by_cell.values())
        modelled = sum(m for _, m in self.evidence.by_cell.values())
        return (seconds + PRIOR * self.machine) / (modelled + PRIOR)

    def of_cell(self, cell: str) -> float:
        """Seconds here for one of the model's, of a cell."""
        seconds, modelled = self.evidence.by_cell.get(cell, (0.0, 0.0))
        return (seconds + PRIOR_OF_CELL * self.of_all) / (modelled + PRIOR_OF_CELL)

    def seconds(self, cell: str, cost_key: str, cost: "Cost") -> float:
        """Return the seconds of one run, from its process to its end."""
        number, total = self.evidence.by_cost.get(cost_key, (0, 0.0))
        factor = self.of_cell(cell)
        # if it may stop early, similar runs show when
        updates = total / number if number >= ENOUGH else factor * cost.updates
        return START + factor * cost.once + updates

    def spread(self, cells: Iterable[str]) -> float:
        """Return by which factor an estimate for runs of these cells may be off."""
        known = min((self.evidence.by_cell.get(cell, (0.0, 0.0))[1] for cell in cells), default=0)
        return next(spread for least, spread in SPREADS if known >= least)
