"""What each run counts as in a comparison: its own value, or another if it diverged."""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bptt.comparison.axes import partner, without_seed
from bptt.comparison.interval import mean_by_key, whole_seeds
from bptt.comparison.metrics import SECONDS, Measure
from bptt.comparison.point import RESULTS, ComparedPoint

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


def score(points: Sequence[ComparedPoint], measure: Measure) -> list[Scored]:
    """Return the value of each point of a facet.

    A run that diverged learned nothing of use, so it counts as the worse of the baseline and the
    worst value of the others: if it were left out, a configuration that diverges in the runs that
    go badly would look better than one that does not.
    """
    if measure.until_solved:
        return _until_solved(points, in_seconds=measure.name == SECONDS)
    stand_in = _worst(points, measure)
    scored = []
    for point in points:
        value = point.figures.get(measure.name)
        counted = value is None and point.diverged and stand_in is not None
        scored.append(Scored(point, stand_in if counted else value, counted, stands_in=counted))
    return scored


def budget_of(points: Sequence[ComparedPoint]) -> int:
    """Return the updates after which a run counts as unsolved: the fewest that one may make."""
    # a run without updates only measures
    return min((point.budget for point in points if point.budget), default=1)


def _until_solved(points: Sequence[ComparedPoint], *, in_seconds: bool) -> list[Scored]:
    """Return the updates, or seconds, that each run took to solve its task.

    One that did not counts as twice the budget, whichever way it ended.
    """
    budget = budget_of(points)
    scored = []
    for point in points:
        result = point.result
        if result is None:
            scored.append(Scored(point, None))
            continue
        ended = float(result.get("step", 0))
        at = point.solved_at
        solved_at = at if at is not None and at <= budget else None
        value: float | None = 2.0 * budget if solved_at is None else solved_at
        if in_seconds:
            # in proportion, where a run trained on after it had solved the task
            taken = result.get("seconds")
            value = value * taken / ended if value and taken and ended else None
        step = 0.0 if solved_at is None else point.evaluate_every / solved_at
        stands_in = solved_at is None
        scored.append(Scored(point, value, point.diverged, step, stands_in=stands_in))
    return scored


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
