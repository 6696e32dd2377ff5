"""What a ranking says, in words, and how many seeds would make it say more."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from bptt.comparison.point import ComparedPoint
from bptt.comparison.ranking import (
    CLOSE,
    SEEDS_AT_MOST,
    SEEDS_TO_TELL,
    SEEDS_TO_TRUST,
    Lead,
    Ranking,
    seeds_to_tell,
    tellable,
)
from bptt.comparison.seeds_to_add import SeedsToAdd, advised
from bptt.comparison.wording import listed
from bptt.counted import counted

TOGETHER = "95 % for all of these statements together"
RATE = "At most 6 of 100 tables make a false claim"
EXCEPT = (
    "more where a configuration fails rarely, or by the toss of a coin, among steady ones, or two "
    "are skewed in opposite ways (docs/inference.md, Where it fails)"
)
UNTRAINED = "More seeds need no training to tell more: training.steps: 0, in a file of its own."
PROCEDURE = "Procedure: step-down blocked Tukey test, with each pair's own t test"


@dataclass(frozen=True)
class Ranked:
    """A ranking, and what to call what it ranks."""

    ranking: Ranking
    names: Sequence[str]
    """Of all configurations, as the ranking numbers them."""
    points: Sequence[Sequence[ComparedPoint]]
    """Of each of them."""
    more: SeedsToAdd
    """The seeds there are, and how to add others."""
    lead_told: Callable[[float], str]
    """Returns a lead in words."""
    choosing: int = 0
    """Seeds of the grid that judge nothing, because values were chosen on them."""
    live: int = 0
    """Runs that have not ended."""
    runs: int = 0
    """All that there are, ended or not."""

    @property
    def _untrained(self) -> bool:
        """Whether the figures are those of networks before the first update."""
        return any(point.untrained for held in self.points for point in held)

    @property
    def _leads(self) -> list[Lead]:
        return list(self.ranking.leads.values())

    def verdict(self) -> str:
        """Return what can be told apart; empty if there is only one configuration.

        Nothing is while runs come in: each look at what is there would be one more test.
        """
        if self.live:
            return self._so_far()
        if len(self.names) < 2:
            return ""
        top, below = self.ranking.top, self.ranking.below
        why = f"Why, run by run:\n{self.more.shown}"
        if not top:
            return f"No configuration can be ranked: none has values of most of its runs. {why}"
        if not self._leads:
            return (
                f"Only {self.names[top[0]]} can be ranked: no other configuration has values of "
                f"most of its runs, or none in a seed that this one has. {why}"
            )
        most = max(lead.seeds for lead in self._leads)
        if most < SEEDS_TO_TELL:
            nothing = "1 seed tells nothing" if most == 1 else f"{most} seeds tell nothing"
            if most < len(self.more.seeds) - self.choosing:
                nothing = f"{counted(most, 'seed')} in common with the best: that tells nothing"
            if self._untrained:
                return f"{nothing}. {UNTRAINED}"
            least = f"{SEEDS_TO_TRUST} are the least to rely on"
            return advised(f"{nothing}; {least}", self._command(SEEDS_TO_TRUST))
        few = min(lead.seeds for lead in self._leads)
        alone = self._winner() if len(top) == 1 else ""
        said = alone or self._undecided(len(top) + len(below))
        if few >= SEEDS_TO_TRUST:
            return said
        # of grids that share a configuration, but no seed
        return f"Preliminary ({counted(few, 'seed') if few else 'no common seed'}): {said}"

    def _so_far(self) -> str:
        first = [self.names[i] for i in self.ahead]
        ahead = f"{listed(first or ['nobody'])} {'are' if len(first) > 1 else 'is'} ahead"
        have = "has" if self.live == 1 else "have"
        return (
            f"So far, no verdict: {self.live:,} of {counted(self.runs, 'run')} {have} not ended, "
            f"and {ahead}. What can be told apart is tested once, when all have, so that looking "
            "in between makes no false claims."
        )

    @property
    def ahead(self) -> list[int]:
        """Those with the best mean, of which there may be several; none if all have it."""
        leads = self.ranking.leads
        equal = [i for i in self.ranking.top[1:] if leads[i].lead <= self._rounding]
        return [*self.ranking.top[:1], *equal] if len(equal) < len(leads) else []

    def _winner(self) -> str:
        best, *_ = (self.names[i] for i in self.ranking.top)
        others = len(self.ranking.below)
        if others == 1:
            return f"{best} is better than {self.names[self.ranking.below[0]]} (95 %)."
        who = "both others" if others == 2 else f"all {others} others"
        return f"{best} is better than {who} ({TOGETHER})."

    def _undecided(self, ranked: int) -> str:
        top, below = self.ranking.top, self.ranking.below
        best, *others = (self.names[i] for i in top)
        seeds = min(self.ranking.leads[i].seeds for i in top[1:])
        together = listed([f"{best} (best so far)", *others])
        worse = ""
        if below:
            rest = "the other is" if len(below) == 1 else f"the other {len(below)} are"
            worse = f"; {rest} worse than {best} ({TOGETHER})"
        apart = f"{len(top)} of {ranked} configurations" if below else "the configurations"
        if not below and ranked > 2:
            apart = f"the {ranked} configurations"
        what = f"{counted(seeds, 'seed')} cannot tell" if seeds else "nothing tells"
        advice = UNTRAINED if self._untrained else self._advice(seeds)
        return f"{what} {apart} apart: {together}{worse}. {advice}"

    def _advice(self, seeds: int) -> str:
        top = self.ranking.top
        best, *others = top
        leads = self.ranking.leads
        needed = {i: self._seeds_needed(leads[i], seeds) for i in others}
        known = {i: n for i, n in needed.items() if n is not None}
        if not known:
            small = "If the differences are as small as seen,"
            if any(leads[i].lead > self._rounding for i in others):
                return f"{small} telling them takes more than {SEEDS_AT_MOST:,} seeds."
            return f"{small} no more seeds would tell them."
        first = min(known, key=lambda i: known[i])
        what = "would" if seeds else "seeds would"
        if len(top) > 2:
            what += f" tell {self.names[best]} from {self.names[first]}"
        lead = self.lead_told(leads[first].lead)
        most = max(known.values())
        rest = ""
        if len(known) == len(needed) and most > known[first]:
            rest = (
                f", and about {most:,} would tell it from all of them, if the other differences "
                "are, too"
            )
        said = f"About {known[first]:,} {what}, if the difference ({lead}) is as seen{rest}"
        return advised(said, self._command(known[first]))

    def _seeds_needed(self, lead: Lead, seeds: int) -> int | None:
        if lead.lead <= self._rounding:
            return None
        found = seeds_to_tell(len(self.ranking.top), lead.lead, lead.spread)
        return None if found is None else max(found, seeds + 1, SEEDS_TO_TRUST)

    @property
    def _rounding(self) -> float:
        return CLOSE * float(np.nanmax(np.abs(self.ranking.means)))

    def power(self) -> str:
        """Return the procedure, and which leads it tells; empty if there is nothing to tell."""
        if self.live or not self._leads:
            return ""
        seeds = min(lead.seeds for lead in self._leads)
        spread = median(lead.spread for lead in self._leads)
        reach = tellable(len(self._leads) + 1, seeds)
        if not math.isfinite(reach) or reach * spread <= self._rounding:
            return f"{PROCEDURE}."
        width = f", {reach:.2g} standard deviations of a run," if seeds < SEEDS_TO_TRUST else ""
        return (
            f"{PROCEDURE}; with {counted(seeds, 'seed')}, leads of about "
            f"{self.lead_told(reach * spread)}{width} are told four times in five."
        )

    def again(self) -> str:
        """Return what a test of more seeds does to the rate; empty where none is advised."""
        tested = any(lead.seeds >= SEEDS_TO_TELL for lead in self._leads)
        if self.live or self._untrained or not tested:
            return ""
        leads = [self.ranking.leads[i] for i in self.ranking.top[1:]]
        if all(self._seeds_needed(lead, lead.seeds) is None for lead in leads):
            return ""
        return (
            "More seeds because nothing was told are one more test: after that, up to 11 of 100 "
            "tables without any difference have made a claim, not 6 (docs/inference.md says where "
            "it is more)."
        )

    def _command(self, wanted: int) -> str:
        """Return what adds seeds to the top group."""
        there = len(self.more.seeds)
        if self.more.tuned:
            return self.more.judging(wanted, [p for n in self.ranking.top for p in self.points[n]])
        common = min((lead.seeds for lead in self._leads), default=there)
        unequal = common + self.choosing < there
        top = [point for number in self.ranking.top for point in self.points[number]]
        return self.more.commands(wanted + self.choosing, top, unequal=unequal)
