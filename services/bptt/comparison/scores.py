"""What each run counts as in a comparison: its own value, or another if it diverged."""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bptt.comparison.axes import partner, without_seed
from bptt.comparison.interval import mean_by_key, whole_seeds
from bptt.comparison.metrics import SECONDS, Measure
from bptt.comparison.point import RESULTS, ComparedPoint, budget_of

Array = NDArray[np.float64]
Key = tuple[Hashable, Hashable]


@dataclass(frozen=True)
class Scored:
    """A point and its value."""

    point: ComparedPoint
    value: float | None
    """None: it failed, has not ended, or nothing measured this."""
    counted: bool = False
    """Whether the run diverged, so that `value` is what it counts as."""
    step: float = 0.0
    """The step to which `value` is known, as a share of it."""
    stands_in: bool = False
    """Whether `value` is none of its own, but what it counts as: it diverged, or did not solve."""
    until: float = math.inf
    """When it solved its task, within its own budget, or until when it had not; infinity where it
    diverged: it never does."""


def score(points: Sequence[ComparedPoint], measure: Measure) -> list[Scored]:
    """Return the value of each point of a facet.

    A run that diverged learned nothing of use, so it counts as the worse of the baseline and the
    worst value of the others: if it were left out, a configuration that diverges in the runs that
    go badly would look better than one that does not.
    """
    if measure.until_solved:
        # when a run solved its task is known of the whole of it, not of a moment
        ended = [point.at_end for point in points]
        return _until_solved(ended, in_seconds=measure.name == SECONDS)
    stand_in = _worst(points, measure)
    scored = []
    for point in points:
        value = point.figures.get(measure.name)
        counted = value is None and point.diverged and stand_in is not None
        scored.append(Scored(point, stand_in if counted else value, counted, stands_in=counted))
    return scored


def _until_solved(points: Sequence[ComparedPoint], *, in_seconds: bool) -> list[Scored]:
    """Return the updates, or seconds, that each run took to solve its task.

    One that did not counts as twice the budget, whichever way it ended: the smallest of several, so
    that nobody has longer than others. In seconds as twice the longest that any run took for that
    budget; twice its own would be of the machine that it happened to have.
    """
    budget = budget_of(points)
    unsolved: float | None = 2.0 * budget
    if in_seconds:
        longest = [_seconds_for(point, budget) for point in points]
        unsolved = 2 * max((one for one in longest if one), default=0.0) or None
    return [_timed(point, budget, unsolved, in_seconds=in_seconds) for point in points]


def _timed(
    point: ComparedPoint, budget: int, unsolved: float | None, *, in_seconds: bool
) -> Scored:
    result, at = point.result, point.solved_at
    if result is None:
        return Scored(point, None)
    in_time = at is not None and at <= budget
    value: float | None = at if in_time else unsolved
    until: float | None = at if at is not None else float(result.get("step", 0))
    if in_seconds:
        value = _seconds_for(point, at) if in_time and at is not None else unsolved
        until = _seconds_for(point, until or 0.0)
    if point.diverged:
        until = math.inf
    # solved by the first evaluation, it is known to lie between nothing and this
    step = min(point.evaluate_every / at, 1.0) if in_time and at is not None else 0.0
    return Scored(
        *(point, value, point.diverged, step),
        stands_in=not in_time,
        until=math.inf if until is None else until,
    )


def _seconds_for(point: ComparedPoint, updates: float) -> float | None:
    """Return the seconds of a run's first updates; of all it made, if they are more than that.

    Without its preparation. In proportion, where it trained on after it had solved the task.
    """
    result = point.result or {}
    taken, made = point.training_seconds, float(result.get("step", 0))
    return taken * min(updates, made) / made if taken and made else None


def _worst(points: Sequence[ComparedPoint], measure: Measure) -> float | None:
    if not measure.better:
        return None
    known = [p.figures[measure.name] for p in points if measure.name in p.figures]
    known += [] if measure.baseline is None else [measure.baseline]
    if not known:
        return None
    return min(known) if measure.better == "higher" else max(known)


def represents(scored: Sequence[Scored]) -> bool:
    """Say whether a mean represents its configuration: not if most ended runs have no value."""
    ended = sum(one.point.outcome in (*RESULTS, "failed") for one in scored)
    return 2 * sum(one.value is not None for one in scored) > ended


def over_seeds_of(
    by_config: Sequence[Sequence[Scored]], by: Sequence[str]
) -> list[Mapping[int, float]]:
    """Return what each configuration has in each seed.

    Where points differ in other axes, too, a value is the mean over those values of the other axes
    that every configuration has in some seed: a mean over easy ones alone would not compare with
    one over all. For the same reason a seed counts only if it has all of them.

    Args:
        by_config: the points of each configuration.
        by: axes that distinguish configurations; none: all but the seed.
    """
    held = [_by_partner(scored, by) for scored in by_config]
    partners = [{rest for found in one.values() for rest, _ in found} for one in held if one]
    common = set.intersection(*partners) if partners else set()
    return [
        {seed: _mean(found) for seed, found in whole_seeds(_of_partners(one, common)).items()}
        for one in held
    ]


def matrix(values: Sequence[Mapping[int, float]]) -> Array:
    """Return the values of each configuration, (configurations, seeds), NaN where there is none."""
    seeds = sorted({seed for one in values for seed in one})
    return np.array([[one.get(seed, np.nan) for seed in seeds] for one in values]).reshape(
        len(values), len(seeds)
    )


def _by_partner(scored: Sequence[Scored], by: Sequence[str]) -> Mapping[int, Mapping[Key, float]]:
    """Return the values of a configuration by seed, partner, and what no other one has."""
    found = mean_by_key(
        ((*partner(one.point, by), without_seed(one.point)), one.value)
        for one in scored
        if one.value is not None
    )
    by_seed: dict[int, dict[Key, float]] = {}
    for (seed, rest, own), value in found.items():
        by_seed.setdefault(seed, {})[rest, own] = value
    return by_seed


def _of_partners(
    held: Mapping[int, Mapping[Key, float]], common: Collection[Hashable]
) -> Mapping[int, Mapping[Key, float]]:
    return {
        seed: {key: value for key, value in found.items() if key[0] in common}
        for seed, found in held.items()
    }


def _mean(found: Mapping[Key, float]) -> float:
    """Return the mean over partners of the mean with each."""
    by_rest = mean_by_key((rest, value) for (rest, _), value in found.items())
    return math.fsum(by_rest.values()) / len(by_rest)
