"""One configuration that spreads far wider than the others, and what they need without it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptt.comparison.column import Column
from bptt.comparison.ranking import SEEDS_TO_TELL, SEEDS_TO_TRUST, seeds_to_tell
from bptt.comparison.scores import Array

TIMES = 4.0
"""How many times as wide as the next one is far: of two alike, 1 in 50 is by chance in 5 seeds."""


@dataclass(frozen=True)
class Erratic:
    """A configuration of the top group whose runs spread far wider than those of all others."""

    number: int
    times: float
    """How many times as wide as those of the next; infinity: only its runs differ at all."""
    first: int | None = None
    """The one that all others of the top group would be compared with without it."""
    second: int | None = None
    """The one that the fewest seeds would tell from that; None: there is none, or no number."""
    seeds: int | None = None
    """About how many that are."""


def erratic(decided: Column) -> Erratic | None:
    """Return the one configuration that widens what all others of the top group need, if any."""
    top = decided.ranking.top
    spreads = _spreads(decided.compared, top)
    if len(spreads) < 2:
        return None
    *_, next_, widest = sorted(spreads, key=lambda number: spreads[number])
    times = spreads[widest] / spreads[next_] if spreads[next_] else math.inf
    rounding = max(lead.rounding for lead in decided.ranking.leads.values())
    if spreads[widest] <= rounding or times < TIMES:
        return None
    rest = decided.without(widest)
    if len(top) < 3 or rest.foremost is None:
        return Erratic(widest, times)
    needed: dict[int, int] = {}
    for number, lead in rest.leads.items():
        if number in top and lead.lead > lead.rounding:
            seeds = seeds_to_tell(len(top) - 1, lead.lead, lead.spread)
            if seeds is not None:
                needed[number] = max(seeds, SEEDS_TO_TRUST)
    second = min(needed, key=lambda number: needed[number], default=None)
    seeds = None if second is None else needed[second]
    return Erratic(widest, times, rest.foremost, second, seeds)


def _spreads(compared: Array, top: Sequence[int]) -> dict[int, float]:
    """Return the standard deviation of a run of each that has enough of them.

    Around the median of each seed, which one row of three or more cannot move far: what a seed does
    to all is no spread. Around its own mean where seeds do not have three.

    Args:
        compared: (configurations, seeds).
        top: the configurations.
    """
    values = compared[list(top)]
    many = np.isfinite(values).sum(0) > 2
    if many.sum() >= SEEDS_TO_TELL:
        values = values[:, many] - np.nanmedian(values[:, many], axis=0)
    enough = np.isfinite(values).sum(1) >= SEEDS_TO_TELL
    return {
        number: float(np.nanstd(row, ddof=1))
        for number, row, is_enough in zip(top, values, enough, strict=True)
        if is_enough
    }
