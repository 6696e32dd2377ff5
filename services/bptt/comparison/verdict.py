"""What a ranking says, in words, and how many seeds would make it say more."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from bptt.comparison.column import Column
from bptt.comparison.erratic import Erratic, erratic
from bptt.comparison.point import ComparedPoint
from bptt.comparison.ranking import (
    SEEDS_AT_MOST,
    SEEDS_TO_TELL,
    SEEDS_TO_TRUST,
    Lead,
    Ranking,
    seeds_to_tell,
    tellable,
)
from bptt.comparison.seeds_to_add import Advised, SeedsToAdd, advised
from bptt.comparison.wording import listed
from bptt.counted import counted

TOGETHER = "95 % for all of these statements together"
RATE = "At most 6 of 100 tables make a false claim"
EXCEPT = (
    "more where a configuration fails rarely, or by the toss of a coin, among steady ones, or two "
    "are skewed in opposite ways (docs/inference.md, Where it fails)"
)
UNTRAINED = "More seeds need no training to tell more: training.steps: 0, in a file of its own."
ALIKE = 1.1
"""Times that a lead may be another one's and still be called by one number."""
PROCEDURE = "Procedure: step-down blocked Tukey test, with each pair's own t test"


@dataclass(frozen=True)
class Ranked:
    """A ranking, and what to call what it ranks."""

    decided: Column
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
    def ranking(self) -> Ranking:
        return self.decided.ranking

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
        among = ", with all values that may yet be chosen," if self.choosing else ""
        return (
            f"So far, no verdict: {self.live:,} of {counted(self.runs, 'run')}{among} {have} not "
            f"ended, and {ahead}. What can be told apart is tested once, when all have, so that "
            "looking in between makes no false claims."
        )

    @property
    def ahead(self) -> list[int]:
        """Those with the best mean, of which there may be several; none if all have it."""
        leads = self.ranking.leads
        equal = [i for i in self.ranking.top[1:] if leads[i].lead <= leads[i].rounding]
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
        # one that others are ahead of is what they are compared with, and not the best
        alike = not self.ahead
        first = best if self.ranking.ahead_of_it or alike else f"{best} (best so far)"
        together = listed([first, *others])
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
        if not known and any(leads[i].seeds < SEEDS_TO_TELL for i in others):
            said = f"{SEEDS_TO_TRUST} that all have are the least to rely on"
            return advised(said, self._command(SEEDS_TO_TRUST))
        if not known:
            driven = self._driven(None, best)
            small = "If the differences are as small as seen,"
            if any(leads[i].lead > leads[i].rounding for i in others):
                return f"{driven}{small} telling them takes more than {SEEDS_AT_MOST:,} seeds."
            return f"{small} no more seeds would tell them."
        first = min(known, key=lambda i: known[i])
        what = "would" if seeds else "seeds would"
        if len(top) > 2:
            what += f" tell {self.names[best]} from {self.names[first]}"
        lead = self.lead_told(leads[first].lead)
        last = max(known, key=lambda i: known[i])
        rest, concerned = "", [best, first]
        if len(known) == len(needed) and known[last] > known[first]:
            concerned.append(last)
            rest = (
                f", and about {known[last]:,} would tell it from all of them, if the other "
                "differences are, too"
            )
        said = f"About {known[first]:,} {what}, if the difference ({lead}) is as seen{rest}"
        driven = self._driven(known[first], *concerned)
        return advised(f"{driven}{said}", self._command(known[first]))

    @cached_property
    def _erratic(self) -> Erratic | None:
        return erratic(self.decided)

    def _driven(self, wanted: int | None, *concerned: int) -> str:
        """Return who makes an advised number what it is, and what is true of the others.

        Args:
            wanted: how many seeds; None: more than can be advised.
            concerned: the configurations that would be told.
        """
        one = self._erratic
        if one is None:
            return ""
        fewer = one.seeds is not None and (wanted is None or one.seeds < wanted)
        if one.number not in concerned and not fewer:
            return ""
        if math.isinf(one.times):
            said = (
                f"{self.names[one.number]} drives the number of seeds: only its runs differ from "
                "the others of a seed"
            )
        else:
            said = (
                f"{self.names[one.number]} drives the number of seeds: its runs spread "
                f"{one.times:.2g} times as widely as those of any other of these"
            )
        if one.first is None or one.second is None:
            return f"{said}. "
        first, second = self.names[one.first], self.names[one.second]
        return f"{said}; without it about {one.seeds:,} would tell {first} from {second}. "

    def _seeds_needed(self, lead: Lead, seeds: int) -> int | None:
        # not so of one that is unknown, either
        if not lead.lead > lead.rounding:
            return None
        found = seeds_to_tell(len(self.ranking.top), lead.lead, lead.spread)
        return None if found is None else max(found, seeds + 1, SEEDS_TO_TRUST)

    def power(self) -> str:
        """Return the procedure, and which leads it tells; empty if there is nothing to tell."""
        if self.live or not self._leads:
            return ""
        seeds = min(lead.seeds for lead in self._leads)
        groups = len(self._leads) + 1
        reaches = sorted(tellable(groups, lead.seeds) * lead.spread for lead in self._leads)
        least, most = reaches[0], reaches[-1]
        rounding = max(lead.rounding for lead in self._leads)
        if not math.isfinite(most) or most <= rounding:
            return f"{PROCEDURE}."
        about, wide = f"about {self.lead_told(most)}", ""
        if most > ALIKE * least:
            # the unit stands once
            fewest = self.lead_told(least).partition(" ")[0]
            most_told = self.lead_told(most)
            about = f"about {fewest} to {most_told}" if least > rounding else f"up to {most_told}"
            wide = ", the larger the wider a pair spreads"
        if self._erratic:
            wide = f"; {self.names[self._erratic.number]} widens that"
        width = ""
        if seeds < SEEDS_TO_TRUST:
            width = f", {tellable(groups, seeds):.2g} standard deviations of a run,"
        return (
            f"{PROCEDURE}; with {counted(seeds, 'seed')}, leads of {about}{width} are told "
            f"four times in five{wide}."
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

    def _command(self, wanted: int) -> Advised:
        """Return what adds seeds to the top group."""
        there = len(self.more.seeds)
        if self.more.tuned:
            return self.more.judging(wanted, [p for n in self.ranking.top for p in self.points[n]])
        common = min((lead.seeds for lead in self._leads), default=there)
        unequal = common + self.choosing < there
        top = [point for number in self.ranking.top for point in self.points[number]]
        return self.more.commands(wanted + self.choosing, top, unequal=unequal)
