"""One figure of every configuration of a problem, over the seeds, in its order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bptt.comparison.interval import mean_by_key, mean_interval
from bptt.comparison.metrics import UPDATES, Measure
from bptt.comparison.point import ComparedPoint, budget_of
from bptt.comparison.ranking import SEEDS_TO_TELL, Ranking, rank
from bptt.comparison.scores import Array, Scored, matrix, over_seeds_of, represents, score
from bptt.comparison.time_to_solve import median_time
from bptt.counted import counted
from bptt.records.comparison import BEST, MAY_BE, UNRANKED, WORSE, Interval, Standing

LARGEST = 700.0
"""Logarithm beyond which a number is infinite in float64."""


@dataclass(frozen=True)
class Column:
    """What a measure says of each configuration."""

    measure: Measure
    rows: Sequence[Sequence[Scored]]
    """The points of each configuration with what is compared of their values."""
    natural: Sequence[Sequence[Scored]]
    """The same with the values themselves."""
    values: Sequence[Mapping[int, float]]
    """The value of each configuration in each seed."""
    compared: Array
    """(configurations, seeds): those of them that are ranked, higher is better; NaN: none."""
    floor: Array
    """(configurations,): the least variance of one run."""
    ranking: Ranking
    """Of those that can be ranked, by what is better; of none if nothing is."""
    limits: tuple[float, float] | None = None
    """Between which every mean lies, where that is known."""

    def interval(self, number: int) -> Interval | None:
        """Return the mean of a configuration over its own seeds.

        It has no interval where nothing was measured but that runs diverged, or solved nothing.
        """
        held = list(self.values[number].values())
        if not held:
            return None
        found = mean_interval(held, float(self.floor[number]))
        if self.is_unmeasured(number):
            found = replace(found, low=None, high=None)
        return self._shown(self._possible(found, number))

    def _possible(self, interval: Interval, number: int) -> Interval:
        """Return an interval without what a mean cannot be."""
        limits = self._limits(number)
        if limits is None or interval.low is None or interval.high is None:
            return interval
        if self.is_at_first(number):
            return replace(interval, low=None, high=None)
        low, high = limits
        return replace(
            interval,
            low=min(max(interval.low, low), interval.estimate),
            high=max(min(interval.high, high), interval.estimate),
        )

    def _limits(self, number: int) -> tuple[float, float] | None:
        """Return between which means lie: of updates the first evaluation and what unsolved are."""
        if not self._in_updates:
            return self.limits
        known = [one for one in self.natural[number] if one.value is not None]
        budget = budget_of([one.point for row in self.natural for one in row])
        first = min(min(one.point.evaluate_every, one.value or math.inf) for one in known)
        return math.log(first), math.log(2 * budget)

    def survivors(self, number: int) -> Interval | None:
        """Return the mean of the runs that did not diverge."""
        held = mean_by_key(
            (one.point.seed, one.value)
            for one in self.rows[number]
            if one.value is not None and not one.point.diverged
        )
        return self._shown(mean_interval(list(held.values()))) if held else None

    def is_unmeasured(self, number: int) -> bool:
        """Say whether no run of a configuration has a value of its own, though all count as one."""
        known = [one for one in self.natural[number] if one.value is not None]
        return bool(known) and all(one.stands_in for one in known)

    def _shown(self, interval: Interval) -> Interval:
        """Return an interval of what was compared as one of the measure."""
        if not self.measure.ratio:
            return interval
        low, high = (
            None if end is None else _exp(min(end, LARGEST))
            for end in (interval.low, interval.high)
        )
        return Interval(_exp(interval.estimate), low, high, interval.n)

    def median(self, number: int) -> float | None:
        """Return Kaplan and Meier's median (1958) of the time to solve; None: most did not.

        Each run counts until it ended by its own budget, also where others had less.
        """
        held = [one for one in self.natural[number] if one.value is not None]
        if not held:
            return None
        times = np.array([one.until for one in held])
        return median_time(times, np.array([one.point.solved for one in held]))

    def unsolved_until(self, number: int) -> float | None:
        """Return how long runs of a configuration were followed, at most, in updates."""
        held = [one.point for one in self.natural[number] if one.value is not None]
        made = [float(p.budget if p.diverged else (p.result or {}).get("step", 0)) for p in held]
        return max(made, default=None)

    def is_at_first(self, number: int) -> bool:
        """Say whether all runs had solved the task at their first evaluation, or before."""
        held = [one for one in self.natural[number] if one.value is not None]
        return self._in_updates and bool(held) and all(one.step == 1 for one in held)

    @property
    def _in_updates(self) -> bool:
        return self.measure.until_solved and self.measure.name == UPDATES

    def counted_as(self, number: int) -> float | None:
        """Return what each diverged run of a configuration counts as; None: it has none."""
        return next((one.value for one in self.natural[number] if one.counted), None)

    def standing(self, number: int) -> Standing:
        """Say whether a configuration is the best so far, may be it, or is worse."""
        if len(self.rows) == 1:
            return UNRANKED
        leads = self.ranking.leads.values()
        ahead = not leads or any(not one.lead <= one.rounding for one in leads)
        if number == self.ranking.foremost and ahead and not self.ranking.ahead_of_it:
            return BEST
        if number in self.ranking.top:
            return MAY_BE
        return WORSE if number in self.ranking.below else UNRANKED

    def lead(self, number: int) -> Interval | None:
        """Return the lead over a configuration; without an interval if it has no width.

        Nor where no run of the configuration has a value of its own, or it shares too few seeds.
        """
        found = self.ranking.leads.get(number)
        if found is None or not found.seeds:
            return None
        alike = found.needed <= found.rounding
        if alike or not np.isfinite(found.needed) or self.is_unmeasured(number):
            return self._shown(Interval(found.lead, None, None, found.seeds))
        low, high = found.lead - found.needed, found.lead + found.needed
        first, other = self._limits(self.ranking.top[0]), self._limits(number)
        if first and other:
            # as far apart as one at its best and one at its worst can be
            backward, forward = first[1] - other[0], other[1] - first[0]
            if self.measure.better == "higher":
                backward, forward = other[1] - first[0], first[1] - other[0]
            low, high = max(low, -backward), min(high, forward)
        return self._shown(Interval(found.lead, low, high, found.seeds))

    def too_few(self, number: int) -> str:
        """Return why nothing can be told of a lead: too few seeds in common; else nothing."""
        found = self.ranking.leads.get(number)
        if found is None or found.seeds >= SEEDS_TO_TELL:
            return ""
        return counted(found.seeds, "common seed") if found.seeds else "no common seed"

    def without(self, number: int) -> Ranking:
        """Return the ranking of all others."""
        others = self.compared.copy()
        others[number] = np.nan
        return rank(others, self.floor)

    def order(self) -> list[int]:
        """Return the configurations, the best first, those without a value last."""
        ranked = [*self.ranking.top, *self.ranking.below]
        rest = [number for number in range(len(self.rows)) if number not in ranked]
        if not self.measure.ranks:
            return rest
        return ranked + sorted(rest, key=lambda number: not self.values[number])


def _exp(log: float) -> float:
    """Return e to a power without the rounding of a logarithm: 200, not 199.99999999999991."""
    return float(f"{math.exp(log):.12g}")


def column_of(
    by_config: Mapping[str, Sequence[ComparedPoint]], measure: Measure, by: Sequence[str]
) -> Column:
    """Return a measure of every configuration of a problem.

    Args:
        by_config: the points of each.
        measure: what is compared.
        by: axes that distinguish configurations; none: all but the seed.
    """
    points = [point for held in by_config.values() for point in held]
    scored = iter(score(points, measure))
    natural = [[next(scored) for _ in held] for held in by_config.values()]
    rows = [[_compared(one) for one in row] for row in natural] if measure.ratio else natural
    ranked = [measure.ranks and represents(row) for row in rows]
    if not measure.ranks:
        values = over_seeds_of(rows, by)
    else:
        together = iter(
            over_seeds_of([row for row, is_one in zip(rows, ranked, strict=True) if is_one], by)
        )
        values = [
            next(together) if is_one else over_seeds_of([row], by)[0]
            for row, is_one in zip(rows, ranked, strict=True)
        ]
    sign = -1.0 if measure.better == "lower" else 1.0
    compared: list[Mapping[int, float]] = [
        held if is_one else {} for held, is_one in zip(values, ranked, strict=True)
    ]
    floor = np.array([_floor(row) for row in natural])
    scores = sign * matrix(compared)
    return Column(measure, rows, natural, values, scores, floor, rank(scores, floor))


def column_of_seeds(
    measure: Measure,
    values: Sequence[Mapping[int, float]],
    least: float,
    limits: tuple[float, float],
) -> Column:
    """Return a figure that is known by seed and not by run.

    Args:
        measure: what it is.
        values: of each configuration, by seed.
        least: variance that each of them has at least.
        limits: between which each of them lies.
    """
    none: list[list[Scored]] = [[] for _ in values]
    sign = -1.0 if measure.better == "lower" else 1.0
    floor, scores = np.full(len(values), least), sign * matrix(values)
    return Column(measure, none, none, values, scores, floor, rank(scores, floor), limits)


def _compared(scored: Scored) -> Scored:
    """Return a value of which ratios count as its logarithm."""
    value = scored.value
    return replace(scored, value=math.log(value) if value and value > 0 else None)


def _floor(row: Sequence[Scored]) -> float:
    """Return the least variance of a run's logarithm: it is known to one evaluation only."""
    known = [one.step**2 / 12 for one in row if one.value is not None]
    return math.fsum(known) / len(known) if known else 0.0
